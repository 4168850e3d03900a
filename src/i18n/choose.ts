import { DEFAULT_LOCALE, LOCALES, type Locale } from './translate.ts';

const localeOf = (tag: string | undefined): Locale | undefined =>
  LOCALES.find((locale) => tag?.toLowerCase().split('-')[0] === locale);

/**
 * The language for a person: what they chose, then what the web app asks (`ui_locales`), then the browser's
 * order of preference (RFC 9110, section 12.5.4), then Dutch.
 */
export function chooseLocale(
  chosen: string | undefined,
  uiLocales: string | undefined,
  acceptLanguage: string | undefined,
): Locale {
  const asked = uiLocales?.split(' ').map(localeOf).find(Boolean);
  return localeOf(chosen) ?? asked ?? preferred(acceptLanguage) ?? DEFAULT_LOCALE;
}

function preferred(acceptLanguage = ''): Locale | undefined {
  return acceptLanguage
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag, ...parameters] = part.trim().split(';');
      const quality = parameters.map((text) => /^\s*q=([\d.]+)/.exec(text)?.[1]).find(Boolean);
      return { locale: localeOf(tag), quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ locale, quality }) => locale && quality > 0)
    .sort((a, b) => b.quality - a.quality)[0]?.locale;
}
