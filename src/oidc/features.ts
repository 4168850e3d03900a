import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { Accounts } from '../store/accounts.ts';
import { mutualTls } from './client-certificate.ts';
import { ourClient } from './client-metadata.ts';
import type { DeviceProblem, OidcPages } from './pages.ts';
import { createMayIntrospect, mayRevoke, resourceFor } from './resources.ts';
import { createDefaultResource, richAuthorizationRequests } from './transactions.ts';

export interface FeatureNeeds {
  readonly publicUrl: string;
  readonly dpopNonceSecret: Buffer;
  readonly hasClientCertificates: boolean;
  readonly pages: OidcPages;
  readonly accounts: Accounts;
  readonly ciba: NonNullable<NonNullable<Configuration['features']>['ciba']>;
}

/** What is on. Most is for those clients only that are registered for it (flow/client-profiles.ts). */
export const features = (n: FeatureNeeds): NonNullable<Configuration['features']> => ({
  devInteractions: { enabled: false },
  claimsParameter: { enabled: true },
  pushedAuthorizationRequests: { enabled: true },
  // Signed by the client's own keys; the library takes them in the request and by PAR, and fetches none.
  requestObjects: { enabled: true },
  dPoP: { enabled: true, nonceSecret: n.dpopNonceSecret },
  mTLS: mutualTls(n.hasClientCertificates),
  clientCredentials: { enabled: true },
  introspection: { enabled: true, allowedPolicy: createMayIntrospect(n.accounts) as never },
  revocation: { enabled: true, allowedPolicy: mayRevoke as never },
  jwtUserinfo: { enabled: true },
  backchannelLogout: { enabled: true },
  fapi: {
    enabled: true,
    profile: (_ctx, client) => (ourClient(client).profile === 'fapi2' ? '2.0' : undefined),
  },
  resourceIndicators: {
    enabled: true,
    defaultResource: createDefaultResource(n.publicUrl) as never,
    getResourceServerInfo: resourceFor(n.publicUrl),
  },
  richAuthorizationRequests: richAuthorizationRequests as never,
  ciba: n.ciba,
  deviceFlow: deviceFlow(n.pages),
  rpInitiatedLogout: {
    enabled: true,
    logoutSource: (ctx, form) => {
      ctx.body = n.pages.signOut(ctx.req, { formId: 'op.logoutForm', form, client: ctx.oidc.client?.clientName });
    },
    postLogoutSuccessSource: (ctx) => {
      ctx.body = n.pages.signedOut(ctx.req, { client: ctx.oidc.client?.clientName });
    },
  },
});

const nameOf = (client: Client | undefined): string => client?.clientName ?? client?.clientId ?? '';

/** What the library protects its form against forgery with; the page is ours. */
const xsrfOf = ({ oidc }: KoaContextWithOIDC): string =>
  (oidc.session as { state?: { secret?: string } } | undefined)?.state?.secret ?? '';

const deviceFlow = (pages: OidcPages) => ({
  enabled: true,
  charset: 'base-20' as const,
  mask: '****-****',
  deviceInfo: (ctx: KoaContextWithOIDC) => ({ ip: ctx.ip, ua: ctx.get('user-agent') }),
  userCodeInputSource: (ctx: KoaContextWithOIDC, _form: string, _out: unknown, error: unknown) => {
    ctx.type = 'html';
    const typed = (error as { userCode?: unknown } | undefined)?.userCode;
    ctx.body = pages.deviceCode(ctx.req, {
      typed: typeof typed === 'string' ? typed.slice(0, 20) : '',
      xsrf: xsrfOf(ctx),
      problem: error ? problemOf(error as Error) : undefined,
    });
  },
  userCodeConfirmSource: (
    ctx: KoaContextWithOIDC,
    _form: string,
    client: Client,
    device: Record<string, unknown>,
    shownCode: string,
  ) => {
    ctx.type = 'html';
    ctx.body = pages.deviceConfirm(ctx.req, {
      xsrf: xsrfOf(ctx),
      userCode: String(ctx.oidc.params?.user_code),
      shownCode,
      client: nameOf(client),
      ip: String(device.ip ?? ''),
      userAgent: String(device.ua ?? ''),
    });
  },
  successSource: (ctx: KoaContextWithOIDC) => {
    ctx.type = 'html';
    ctx.body = pages.deviceDone(ctx.req, { client: nameOf(ctx.oidc.client) });
  },
});

const PROBLEMS: Readonly<Record<string, DeviceProblem>> = {
  NoCodeError: 'missing',
  NotFoundError: 'wrong',
  ExpiredError: 'expired',
  AlreadyUsedError: 'used',
  AbortedError: 'stopped',
  SlowDown: 'wait',
};
const problemOf = ({ name }: Error): DeviceProblem => PROBLEMS[name] ?? 'failed';
