import { createECDH } from 'node:crypto';
import { isNumericHost } from '../../core/addresses.ts';

/**
 * Push endpoints come from browsers, so they are hostile input: without these checks anyone with an account
 * could make us send requests into the organisation's own network.
 */
const PUSH_SERVICES = [
  'fcm.googleapis.com',
  'jmt17.google.com',
  '.push.services.mozilla.com',
  '.push.apple.com',
  '.notify.windows.com',
];
const LONGEST_ENDPOINT = 1024;

export interface EndpointRules {
  /** More hosts, by an operator's setting; a leading dot means every host below it. */
  readonly extraHosts: readonly string[];
  /** One origin that a test may use, plain http too. An argument, never a setting. */
  readonly testOrigin?: string | undefined;
}

/** `https`, the standard port, no user, no fragment, and a host on the list. An address in digits never is. */
export function isEndpointAllowed(endpoint: string, { extraHosts, testOrigin }: EndpointRules): boolean {
  if (endpoint.length > LONGEST_ENDPOINT || !URL.canParse(endpoint)) return false;
  const url = new URL(endpoint);
  if (testOrigin !== undefined && url.origin === testOrigin) return true;
  if (url.protocol !== 'https:' || url.port || url.username || url.password || url.hash) return false;
  if (isNumericHost(url.hostname)) return false;
  return [...PUSH_SERVICES, ...extraHosts].some((host) =>
    host.startsWith('.') ? url.hostname.endsWith(host) && url.hostname.length > host.length : url.hostname === host,
  );
}

/** The keys of RFC 8291: an uncompressed point on P-256 and 16 bytes. */
export function areKeysValid(p256dh: string, auth: string): boolean {
  const point = Buffer.from(p256dh, 'base64url');
  if (point.length !== 65 || point[0] !== 4 || Buffer.from(auth, 'base64url').length !== 16) return false;
  try {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    ecdh.computeSecret(point);
    return true;
  } catch {
    return false;
  }
}
