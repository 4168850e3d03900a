import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { AuditEvent } from '../core/audit.ts';
import type { AuditAction } from '../core/audit-actions.ts';
import type { Clock } from '../core/clock.ts';
import type { Audit } from '../flow/audit.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';
import { takePuts, takeUse } from './in-progress.ts';

type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

interface Action {
  readonly done: AuditAction;
  readonly refused: AuditAction;
}

/** What of the protocol is worth keeping: tokens given and refused, sign-outs, revocations. */
const ACTIONS: Readonly<Record<string, Action>> = {
  token: { done: 'token.issued', refused: 'token.refused' },
  revocation: { done: 'token.revoked', refused: 'token.revocation_refused' },
  device_authorization: { done: 'device.asked', refused: 'device.refused' },
  backchannel_authentication: { done: 'approval.asked', refused: 'approval.refused' },
  end_session_confirm: { done: 'session.ended', refused: 'session.end_refused' },
};

/** Answers to somebody who polls: not yet. */
const WAITING = ['authorization_pending', 'slow_down'];

/**
 * Runs around oidc-provider, so that the event is kept before the answer is sent. What a request for tokens uses up and gives
 * out is kept with it, or not at all.
 */
export function auditMiddleware(provider: Provider, n: AuditMiddlewareNeeds): Middleware {
  const revoked = new WeakSet<object>();
  provider.on('grant.revoked', (ctx) => void revoked.add(ctx));
  const keep = async (ctx: KoaContextWithOIDC, route: string, action: Action): Promise<void> => {
    const shown = takeUse(ctx);
    // What was not given is not kept.
    const given = takePuts(ctx);
    const now = n.clock.now();
    if (ctx.status < 400 && (shown || given.length > 0)) {
      if (await n.payloads.exchange(shown, given, eventOf(ctx, action.done), now)) return;
      // Somebody else has used it since it was looked at, or its grant was ended.
      refuse(provider, ctx, new errors.InvalidGrant(`${shown?.type} was used before`));
    } else if (shown) {
      // It was shown, and something else was wrong: it is used up all the same.
      await n.payloads.consume(shown.type, shown.id, now);
    }
    const error = ctx.status < 400 ? undefined : (ctx.body as { error?: string } | undefined)?.error;
    if (error && WAITING.includes(error)) return;
    // A code or refresh token was shown a second time: somebody has stolen it, and everything it led to is gone.
    const isReuse = route === 'token' && revoked.has(ctx);
    await n.audit(
      eventOf(ctx, isReuse ? 'token.reuse_detected' : ctx.status < 400 ? action.done : action.refused, error),
    );
  };
  return async (ctx, next) => {
    await next();
    const route = (ctx.oidc as { route?: string } | undefined)?.route ?? '';
    const action = Object.hasOwn(ACTIONS, route) ? ACTIONS[route] : undefined;
    if (!action) return;
    try {
      await keep(ctx, route, action);
    } catch (error) {
      // A person is shown a page by whoever catches it.
      if (route === 'end_session_confirm') throw error;
      fail(provider, ctx, error as Error);
    }
  };
}

interface AuditMiddlewareNeeds {
  readonly payloads: OidcPayloads;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Nothing was given, and what was shown can be shown again. The library's answer, and when to ask again where that is known. */
function fail(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  error: Error & { status?: number; retryAfterSeconds?: number },
) {
  ctx.status = error.status ?? 500;
  if (error.retryAfterSeconds) ctx.set('Retry-After', String(error.retryAfterSeconds));
  ctx.body = { error: 'server_error', error_description: 'the answer could not be kept, ask again' };
  provider.emit('server_error', ctx, error);
}

/** As the library answers programs. */
function refuse(provider: Provider, ctx: KoaContextWithOIDC, error: errors.InvalidGrant): void {
  ctx.status = error.statusCode;
  ctx.body = { error: error.error, error_description: error.error_description };
  provider.emit('grant.error', ctx, error);
}

function eventOf(ctx: KoaContextWithOIDC, action: AuditAction, error?: string): AuditEvent {
  const { oidc } = ctx;
  const entities = oidc.entities as { RefreshToken?: { accountId?: string } };
  const clientId = oidc.client?.clientId;
  const route = (oidc as { route?: string }).route;
  return {
    action,
    object: clientId ? `client:${clientId}` : 'client:unknown',
    result: ctx.status < 400 ? 'success' : 'refused',
    origin: ctx.ip,
    actor: clientId ? `client:${clientId}` : 'anonymous',
    accountId: oidc.account?.accountId ?? entities.RefreshToken?.accountId ?? oidc.session?.accountId,
    requestId: ctx.get('x-request-reference'),
    detail: {
      ...(route === 'token' ? { grantType: String(oidc.params?.grant_type).slice(0, 64) } : {}),
      ...(error ? { error } : {}),
    },
  };
}
