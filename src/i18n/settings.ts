import dutch from './settings.nl.json' with { type: 'json' };
import type { Locale } from './translate.ts';

/** What a setting means. English stands where the setting is declared, in the form of documentation. */
export const settingInWords = (locale: Locale, name: string, description: string): string =>
  (locale === 'nl' && (dutch as Readonly<Record<string, string>>)[name]) || description.replaceAll('`', '');
