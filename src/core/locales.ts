import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A language by its tag of two letters (BCP 47): each is one file of sentences in `src/i18n`. */
export type Locale = string;

/** What everybody reads who asks for nothing else, and what is complete. */
export const DEFAULT_LOCALE: Locale = 'nl';
/** Whose sentences stand where another language lacks one. */
export const FALLBACK_LOCALE: Locale = 'en';

const others = readdirSync(join(import.meta.dirname, '../i18n'))
  .flatMap((file) => /^([a-z]{2})\.json$/.exec(file)?.[1] ?? [])
  .filter((locale) => locale !== DEFAULT_LOCALE && locale !== FALLBACK_LOCALE)
  .sort();
export const LOCALES: readonly [Locale, ...Locale[]] = [DEFAULT_LOCALE, FALLBACK_LOCALE, ...others];
