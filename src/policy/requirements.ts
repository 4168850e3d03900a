import { type Acr, acrNamed, rankOf } from '../core/assurance.ts';

/**
 * The class that a request asks for. Of several values the weakest known one is enough (OpenID Connect Core, section
 * 3.1.2.1); unknown values are not a request.
 */
export function requestedAcr(values: readonly string[]): Acr | null {
  const known = values.map(acrNamed).filter((acr) => acr !== undefined);
  return known.sort((a, b) => rankOf(a) - rankOf(b))[0] ?? null;
}

/** The stronger of two; null asks nothing. */
export const strongest = (a: Acr | null, b: Acr | null): Acr | null =>
  rankOf(a ?? undefined) >= rankOf(b ?? undefined) ? a : b;
