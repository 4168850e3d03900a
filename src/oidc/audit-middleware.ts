import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuditEvent } from '../core/audit.ts';

type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** What of the protocol is worth keeping: tokens given and refused, sign-outs, revocations. */
const ACTIONS: Readonly<Record<string, { done: string; refused: string }>> = {
  token: { done: 'token.issued', refused: 'token.refused' },
  revocation: { done: 'token.revoked', refused: 'token.revocation_refused' },
  end_session_confirm: { done: 'session.ended', refused: 'session.end_refused' },
};

/** Runs around oidc-provider, so that the event is kept before the answer is sent. */
export function auditMiddleware(audit: (event: AuditEvent) => Promise<void>): Middleware {
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
    await audit({
      action: isDone ? action.done : action.refused,
      object: clientId ? `client:${clientId}` : 'client:unknown',
      result: isDone ? 'success' : 'refused',
      origin: ctx.ip,
      actor: clientId ? `client:${clientId}` : 'anonymous',
      accountId,
      requestId: ctx.get('x-request-reference'),
      detail: {
        ...(route === 'token' ? { grantType: oidc.params?.grant_type } : {}),
        ...(isDone ? {} : { error: (ctx.body as { error?: string } | undefined)?.error }),
      },
    });
  };
}
