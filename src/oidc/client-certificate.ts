import { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isInNetwork } from '../policy/networks.ts';

/** Where mount.ts puts the certificate for the library: base64 of its DER form. Never as a visitor sent it. */
const PASSED_ON = 'x-dubbelslot-client-certificate';

/**
 * Takes the certificate that a proxy of ours verified (RFC 9440 `Client-Cert`, or nginx' and Apache's PEM, also
 * percent-encoded) out of the headers. From anybody else the header counts for nothing.
 */
export function passCertificateOn(
  headers: IncomingHttpHeaders,
  from: string | undefined,
  options: { header: string | undefined; proxies: readonly string[] },
): void {
  delete headers[PASSED_ON];
  const value = options.header ? headers[options.header] : undefined;
  if (options.header) delete headers[options.header];
  if (typeof value !== 'string' || !from || !options.proxies.some((proxy) => isInNetwork(from, proxy))) return;
  const certificate = certificateIn(value);
  if (certificate) headers[PASSED_ON] = certificate.raw.toString('base64');
}

function certificateIn(value: string): X509Certificate | undefined {
  try {
    const structured = /^:([A-Za-z0-9+/=]+):$/.exec(value)?.[1];
    // One certificate and nothing else: a second one was added by somebody before our proxy.
    const pem = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;
    const text = structured ?? pem.exec(decodeURIComponent(value))?.[1]?.replace(/\s/g, '');
    if (!text) return undefined;
    return new X509Certificate(Buffer.from(text, 'base64'));
  } catch {
    return undefined;
  }
}

const certificateOf = (ctx: KoaContextWithOIDC): X509Certificate | undefined => {
  const passed = ctx.get(PASSED_ON);
  return passed ? new X509Certificate(Buffer.from(passed, 'base64')) : undefined;
};

/** `tls_client_auth` behind a proxy (RFC 8705, section 2.1): the proxy checked the chain, the subject is checked here. */
export const mutualTls = (isEnabled: boolean) => ({
  enabled: isEnabled,
  certificateBoundAccessTokens: false,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: false,
  getCertificate: certificateOf as never,
  certificateAuthorized: (ctx: KoaContextWithOIDC) => certificateOf(ctx) !== undefined,
  certificateSubjectMatches: (ctx: KoaContextWithOIDC, property: string, expected: string) => {
    const certificate = certificateOf(ctx);
    return property === 'tls_client_auth_subject_dn' && certificate !== undefined
      ? sameName(certificate.subject.split('\n').reverse(), relativeNames(expected))
      : false;
  },
});

/** The parts of a distinguished name in RFC 4514's order, most specific first; `\,` is part of a value. Node has it the other way round. */
const relativeNames = (name: string): string[] => name.split(/(?<!\\),/);

const sameName = (a: readonly string[], b: readonly string[]): boolean => normal(a) === normal(b);

const normal = (parts: readonly string[]): string =>
  JSON.stringify(
    parts.map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim().toUpperCase(), part.slice(at + 1).trim()];
    }),
  );
