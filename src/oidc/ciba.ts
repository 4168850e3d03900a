import { type Client, type Configuration, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { Clock } from '../core/clock.ts';
import type { RefusalCode } from '../core/refusals.ts';
import type { ApprovalOutcome, ClientApprovals } from '../flow/client-approvals.ts';
import { requestedAcr } from '../policy/requirements.ts';
import type { Accounts } from '../store/accounts.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';
import { isClaimAllowed } from './claims.ts';
import { isImpossible, requestedAcrs } from './requested-acrs.ts';
import { transactionOf } from './transactions.ts';

export interface Ciba {
  /** The library's hooks. */
  readonly feature: NonNullable<NonNullable<Configuration['features']>['ciba']>;
  /** Brings what a phone has answered into the web app's request, where that was not done yet. */
  settle(requestId: string): Promise<void>;
}

export interface CibaNeeds {
  readonly current: () => Provider;
  readonly accounts: Accounts;
  readonly payloads: OidcPayloads;
  readonly approvals: ClientApprovals;
  readonly clock: Clock;
}

/** One line that a phone can show. The library's own limit is 20 characters without a space. */
const MESSAGE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,120}$/u;

/** The fields of a stored request that we read. */
interface StoredRequest {
  readonly accountId: string;
  readonly clientId: string;
  readonly scope?: string;
  readonly resource?: string | readonly string[];
  readonly claims?: { id_token?: Record<string, unknown>; userinfo?: Record<string, unknown> };
  readonly params?: Record<string, unknown>;
  readonly grantId?: string;
  readonly error?: string;
}

export function createCiba(n: CibaNeeds): Ciba {
  const ask = async (
    ctx: KoaContextWithOIDC,
    request: { jti: string },
    account: { accountId: string },
    client: Client,
  ) => {
    const params = ctx.oidc.params ?? {};
    const transaction = transactionOf(params);
    const wanted = requestedAcrs(params);
    if (isImpossible(wanted)) throw new errors.AccessDenied('none of the requested acr values is known here');
    const asked = await n.approvals.ask({
      accountId: account.accountId,
      clientId: client.clientId,
      requestId: request.jti,
      requested: requestedAcr(wanted.values),
      about: {
        message: String(params.binding_message),
        amount: transaction ? `${transaction.amount} ${transaction.currency}` : null,
        to: transaction?.to ?? null,
      },
      origin: { ip: ctx.ip, browser: '', requestId: ctx.get('x-request-reference') },
    });
    if (!asked.ok) throw refusalToClient(asked.refusal.code);
    // Not in the specification: what the app shows and the person types, so that nobody approves in passing.
    Object.assign(ctx.body as object, { binding_number: asked.value });
  };

  const grantFor = async (provider: Provider, request: StoredRequest): Promise<string> => {
    const client = await provider.Client.find(request.clientId);
    const grant = new provider.Grant({ clientId: request.clientId, accountId: request.accountId });
    grant.addOIDCScope(request.scope ?? 'openid');
    const claims = Object.keys({ ...request.claims?.id_token, ...request.claims?.userinfo });
    const allowed = claims.filter((claim) => isClaimAllowed(claim, client));
    const refused = ['amr', ...claims].filter((claim) => !isClaimAllowed(claim, client));
    if (allowed.length > 0) grant.addOIDCClaims(allowed);
    if (refused.length > 0) grant.rejectOIDCClaims(refused);
    for (const uri of [request.resource ?? []].flat()) grant.addResourceScope(uri, request.scope ?? '');
    return grant.save();
  };

  const settle = async (requestId: string): Promise<void> => {
    const payload = await n.payloads.find('BackchannelAuthenticationRequest', requestId, n.clock.now());
    const stored = payload as unknown as StoredRequest | undefined;
    if (!stored || stored.grantId || stored.error) return;
    const requested = requestedAcr(requestedAcrs(stored.params ?? {}).values);
    const outcome = await n.approvals.outcome(requestId, requested);
    if (!outcome) return;
    const provider = n.current();
    const request = new provider.BackchannelAuthenticationRequest(payload as never);
    if (outcome.state !== 'approved') {
      await provider.backchannelResult(request, refused(outcome));
      return;
    }
    const details = stored.params?.authorization_details;
    await provider.backchannelResult(request, await grantFor(provider, stored), {
      acr: outcome.acr,
      amr: [...outcome.amr],
      authTime: Math.floor(outcome.at.getTime() / 1000),
      ...(typeof details === 'string' ? { rar: JSON.parse(details) } : {}),
    } as never);
  };

  return {
    settle,
    feature: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      triggerAuthenticationDevice: ask as never,
      async validateBindingMessage(_ctx, message) {
        if (typeof message === 'string' && MESSAGE.test(message)) return;
        throw new errors.InvalidBindingMessage(
          'binding_message: say in 1 to 120 characters, on one line, what is approved',
        );
      },
      async validateRequestContext(_ctx, context) {
        if (context !== undefined) throw new errors.InvalidRequest('request_context is not used here');
      },
      async processLoginHintToken() {
        throw new errors.InvalidRequest('login_hint_token is not used here: give login_hint, an e-mail address');
      },
      processLoginHint: async (_ctx, hint) => (await n.accounts.byEmail(String(hint).trim()))?.id,
      async verifyUserCode(_ctx, _account, userCode) {
        if (userCode !== undefined) throw new errors.InvalidRequest('user_code is not used here');
      },
    },
  };
}

const refused = ({ state }: ApprovalOutcome): errors.OIDCProviderError =>
  state === 'expired'
    ? new errors.ExpiredToken('nobody answered in time')
    : new errors.AccessDenied(
        state === 'too_weak' ? 'the phone does not verify its user, which was asked' : 'the person said no',
      );

const REFUSALS: Partial<Record<RefusalCode, string>> = {
  access_denied: 'the policy does not allow it',
  no_authenticator: 'the person has no phone to approve with',
  gate_required: 'none of the person’s phones verifies its user, which the requested acr needs',
  push_frozen: 'the person reported an attack; the helpdesk can lift this',
  wait: 'the person is signing in, or was asked too often; try again later',
  push_exhausted: 'the person was asked too often without an answer',
};

const refusalToClient = (code: RefusalCode): errors.OIDCProviderError =>
  new errors.AccessDenied(REFUSALS[code] ?? 'it cannot be asked now');
