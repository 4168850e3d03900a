import { type Acr, acrNamed, rankOf } from '../core/assurance.ts';

/**
 * The class a sign-in must reach: what the client needs, or more where the request asks for more.
 * Of several requested values the weakest known one is enough (OpenID Connect Core, section 3.1.2.1);
 * unknown values are not a request.
 */
export function requiredAcr(clientRequires: Acr, requested: readonly string[]): Acr {
  const known = requested.map(acrNamed).filter((acr) => acr !== undefined);
  const weakest = known.sort((a, b) => rankOf(a) - rankOf(b))[0];
  return weakest !== undefined && rankOf(weakest) > rankOf(clientRequires) ? weakest : clientRequires;
}
