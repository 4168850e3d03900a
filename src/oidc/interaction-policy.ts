import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { ACR_MFA, ACR_PASSWORD, type Acr, satisfies } from '../core/assurance.ts';
import type { Decision } from '../policy/decide.ts';
import { requestedAcr, strongest } from '../policy/requirements.ts';
import type { Signer } from '../store/signers.ts';
import { signerOf } from './claims.ts';
import { isImpossible, requestedAcrs } from './requested-acrs.ts';

const { Check, Prompt, base } = interactionPolicy;

/** `isPutOff`: in this very session setting up a second factor was put off, with leave. */
export type SessionJudgement = Decision & { readonly isPutOff: boolean };

/** What the policy says of the person who is signed in already, for this request. */
export type JudgeSession = (question: {
  accountId: string;
  /** Who that is, where it was read already. */
  signer: Signer | undefined;
  /** When the person signed in, in whole seconds. */
  loginTs: number;
  clientId: string;
  requested: Acr | null;
  ip: string;
  rememberedToken: string | undefined;
}) => Promise<SessionJudgement | undefined>;

/** Somebody types the code that a device shows (RFC 8628). */
const isForDevice = ({ oidc }: KoaContextWithOIDC): boolean =>
  ['code_verification', 'device_resume'].includes((oidc as { route?: string }).route ?? '');

/**
 * When a person is asked for something. Beyond the library's own: a session that is too weak or too old for this
 * client, this request or the policy is asked for a second factor (`mfa`) or to sign in again (`login`).
 */
export function dubbelslotPolicy(judge: JudgeSession, rememberedCookie: string): interactionPolicy.DefaultPolicy {
  const policy = base();
  const login = policy.get('login');
  // These would start a whole new sign-in for what a step-up gives.
  login?.checks.remove('essential_acrs');
  login?.checks.remove('essential_acr');
  login?.checks.add(
    new Check(
      'account_gone',
      'the account of the session may no longer sign in',
      (ctx) => Boolean(ctx.oidc.session?.accountId) && !ctx.oidc.account,
    ),
  );
  // Web apps are the organisation's own; consent is not asked, for native ones neither.
  policy.get('consent')?.checks.remove('native_client_prompt');
  policy.get('consent')?.checks.remove('consent_prompt');

  const judged = new WeakMap<KoaContextWithOIDC['oidc'], Promise<SessionJudgement | undefined>>();
  const decisionFor = (ctx: KoaContextWithOIDC): Promise<SessionJudgement | undefined> => {
    const { oidc } = ctx;
    const accountId = oidc.session?.accountId;
    if (!accountId || !oidc.account) return Promise.resolve(undefined);
    let decision = judged.get(oidc);
    if (!decision) {
      decision = judge({
        accountId,
        signer: signerOf(ctx),
        loginTs: oidc.session?.loginTs ?? 0,
        clientId: oidc.client?.clientId ?? '',
        requested: strongest(requestedAcr(requestedAcrs(oidc.params ?? {}).values), isForDevice(ctx) ? ACR_MFA : null),
        ip: ctx.ip,
        rememberedToken: ctx.cookies.get(rememberedCookie),
      });
      judged.set(oidc, decision);
    }
    return decision;
  };

  /** A second factor was given in this very pause. */
  const hasJustProven = ({ oidc }: KoaContextWithOIDC): boolean =>
    (oidc.result as { login?: unknown } | undefined)?.login !== undefined;

  const isTooOld = async (ctx: KoaContextWithOIDC): Promise<boolean> => {
    const after = (await decisionFor(ctx))?.reauthenticateAfter;
    const since = ctx.oidc.session?.loginTs;
    // Whoever has just signed in comes by here as well: their sign-in is seconds old.
    return typeof after === 'number' && since !== undefined && Date.now() / 1000 - since > after;
  };
  login?.checks.add(new Check('sign_in_too_old', 'the policy asks for a more recent sign-in', isTooOld));

  const isTooWeak = async (ctx: KoaContextWithOIDC): Promise<boolean> => {
    const requested = requestedAcrs(ctx.oidc.params ?? {});
    if (isImpossible(requested)) {
      throw new errors.UnmetAuthenticationRequirements('none of the requested acr values is known here');
    }
    // A stranger may have begun it and sent the link: only who acts now lets a device in.
    if (isForDevice(ctx) && !hasJustProven(ctx)) return true;
    const decision = await decisionFor(ctx);
    if (!decision) return true;
    // Our own page says no, in words.
    if (decision.access === 'deny') return true;
    const reached = ctx.oidc.session?.acr;
    return !satisfies(reached, decision.access) && !(decision.isPutOff && satisfies(reached, ACR_PASSWORD));
  };

  policy.add(
    new Prompt(
      { name: 'mfa', requestable: false },
      new Check(
        'acr_too_low',
        'the session does not reach the required authentication class',
        'unmet_authentication_requirements',
        isTooWeak,
      ),
    ),
    1,
  );
  return policy;
}
