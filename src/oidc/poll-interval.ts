import type { KoaContextWithOIDC } from 'oidc-provider';
import { POLL_SECONDS } from './adapter.ts';

const ASKED = new Set(['device_authorization', 'backchannel_authentication']);

/** Tells whoever will poll how often (RFC 8628, section 3.2; CIBA Core, section 7.3): the library does not. */
export async function pollInterval(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  const route = (ctx.oidc as { route?: string } | undefined)?.route ?? '';
  if (ctx.status === 200 && ASKED.has(route)) Object.assign(ctx.body as object, { interval: POLL_SECONDS });
}
