import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { AuditEvent } from '../core/audit.ts';
import type { AuditAction } from '../core/audit-actions.ts';
import type { Audit } from '../flow/audit.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';
import { takePuts } from './in-progress.ts';

type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** What of the protocol is worth keeping: tokens given and refused, sign-outs, revocations. */
const ACTIONS: Readonly<Record<string, { done: AuditAction; refused: AuditAction }>> = {
  token: { done: 'token.issued', refused: 'token.refused' },
  revocation: { done: 'token.revoked', refused: 'token.revocation_refused' },
  device_authorization: { done: 'device.asked', refused: 'device.refused' },
  backchannel_authentication: { done: 'approval.asked', refused: 'approval.refused' },
  end_session_confirm: { done: 'session.ended', refused: 'session.end_refused' },
};

/** Answers to somebody who polls: not yet. */
const WAITING = ['authorization_pending', 'slow_down'];

/** Runs around oidc-provider, so that the event is kept before the answer is sent, and with it an app’s own token. */
export function auditMiddleware(provider: Provider, payloads: OidcPayloads, audit: Audit): Middleware {
  const revoked = new WeakSet<object>();
  provider.on('grant.revoked', (ctx) => void revoked.add(ctx));
  return async (ctx, next) => {
    await next();
    const route = (ctx.oidc as { route?: string } | undefined)?.route ?? '';
    const action = Object.hasOwn(ACTIONS, route) ? ACTIONS[route] : undefined;
    if (!action) return;
    const isDone = ctx.status < 400;
    const { oidc } = ctx;
    const entities = oidc.entities as { RefreshToken?: { accountId?: string } };
    const accountId = oidc.account?.accountId ?? entities.RefreshToken?.accountId ?? oidc.session?.accountId;
    const clientId = oidc.client?.clientId;
    const error = isDone ? undefined : (ctx.body as { error?: string } | undefined)?.error;
    if (error && WAITING.includes(error)) return;
    // A code or refresh token was shown a second time: somebody has stolen it, and everything it led to is gone.
    const isReuse = route === 'token' && revoked.has(ctx);
    const event: AuditEvent = {
      action: isReuse ? 'token.reuse_detected' : isDone ? action.done : action.refused,
      object: clientId ? `client:${clientId}` : 'client:unknown',
      result: isDone ? 'success' : 'refused',
      origin: ctx.ip,
      actor: clientId ? `client:${clientId}` : 'anonymous',
      accountId,
      requestId: ctx.get('x-request-reference'),
      detail: {
        ...(route === 'token' ? { grantType: String(oidc.params?.grant_type).slice(0, 64) } : {}),
        ...(error ? { error } : {}),
      },
    };
    const puts = takePuts(ctx);
    // What was not given is not kept.
    await audit(event, isDone && puts.length > 0 ? payloads.puts(puts) : undefined);
  };
}
