import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { type Acr, acrNamed, satisfies } from '../core/assurance.ts';
import { requiredAcr } from '../policy/requirements.ts';
import { requestedAcrs } from './requested-acrs.ts';

const { Check, Prompt, base } = interactionPolicy;

/**
 * When a person is asked for something. Beyond the library's own: a session that is too weak for this client or
 * this request is asked for a second factor (`mfa`), not for a whole new sign-in.
 */
export function dubbelslotPolicy(clientRequires: (clientId: string) => Promise<Acr>): interactionPolicy.DefaultPolicy {
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

  const isTooWeak = async (ctx: KoaContextWithOIDC): Promise<boolean> => {
    const { oidc } = ctx;
    const requested = requestedAcrs(oidc.params ?? {});
    if (requested.isEssential && !requested.values.some(acrNamed)) {
      throw new errors.UnmetAuthenticationRequirements('none of the requested acr values is known here');
    }
    const needs = requiredAcr(await clientRequires(oidc.client?.clientId ?? ''), requested.values);
    return !satisfies(oidc.session?.acr, needs);
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
