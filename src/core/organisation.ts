import type { Logo, Support } from './branding.ts';

/** The organisation as people meet it. Read it where it is shown: it may change while we run. */
export interface Organisation {
  readonly name: string;
  /** Whom people may ask for help. */
  readonly support: Support | undefined;
  readonly logo: Logo | undefined;
  /** `#rrggbb`, readable (`accentProblem`). */
  readonly accent: string | undefined;
}

export type OrganisationPart = keyof Organisation;

/** Where nobody gave it one. */
export const NO_NAME = 'Dubbelslot';
/** In characters: it stands in the head of a page on a phone, and in a code app. */
export const LONGEST_ORGANISATION = 80;
export const LONGEST_SUPPORT = { name: 200, hours: 100 };
export const TELEPHONE = /^\+?[\d ()/-]{3,30}$/;
export const COLOUR = /^#[0-9a-f]{6}$/i;
