import { acrNamed } from '../core/assurance.ts';

/** A request's parameters, as oidc-provider keeps them. */
export interface AcrParams {
  readonly acr_values?: unknown;
  readonly claims?: unknown;
}

export interface RequestedAcrs {
  readonly values: readonly string[];
  /** Asked for as an essential claim: an answer without one of them is an error (OpenID Connect Core, 5.5.1.1). */
  readonly isEssential: boolean;
}

/** Whether an answer is demanded that nobody here can give. */
export const isImpossible = ({ values, isEssential }: RequestedAcrs): boolean => isEssential && !values.some(acrNamed);

/** The classes that a request asks for, by `acr_values` or by the `claims` parameter. */
export function requestedAcrs(params: AcrParams): RequestedAcrs {
  const listed = typeof params.acr_values === 'string' ? params.acr_values.split(' ').filter(Boolean) : [];
  const claim = acrClaim(params.claims);
  const claimed = [claim.value, ...(Array.isArray(claim.values) ? claim.values : [])].filter(
    (value) => typeof value === 'string',
  );
  const isEssential = claim.essential === true && claimed.length > 0;
  // What is essential is not weakened by what is merely wished for beside it.
  return { values: isEssential ? claimed : [...listed, ...claimed], isEssential };
}

function acrClaim(claims: unknown): { value?: unknown; values?: unknown; essential?: unknown } {
  try {
    const parsed = typeof claims === 'string' ? JSON.parse(claims) : claims;
    return parsed?.id_token?.acr ?? {};
  } catch {
    return {};
  }
}
