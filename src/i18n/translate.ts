import en from './en.json' with { type: 'json' };
import nl from './nl.json' with { type: 'json' };

/** Dutch is the first language; the other must have every sentence, and no more. */
export type MessageKey = keyof typeof nl;
type Messages = Readonly<Record<MessageKey, string>>;

export type Locale = 'nl' | 'en';
export const LOCALES: readonly Locale[] = ['nl', 'en'];
export const DEFAULT_LOCALE: Locale = 'nl';

// A sentence that is missing on either side does not compile.
const complete: Messages & Record<Exclude<keyof typeof en, MessageKey>, never> = en;
const MESSAGES: Readonly<Record<Locale, Messages>> = { nl, en: complete };

export type Translate = (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string;

/** Full sentences with `{placeholders}`. Escaping is the template's. */
export function translator(locale: Locale): Translate {
  const messages = MESSAGES[locale];
  return (key, values = {}) =>
    messages[key].replace(/\{(\w+)\}/g, (whole, name: string) =>
      Object.hasOwn(values, name) ? String(values[name]) : whole,
    );
}

/** The sentences under one prefix, without it: what the companion app takes along. */
export function messagesUnder(prefix: string, locale: Locale): Record<string, string> {
  return Object.fromEntries(
    Object.entries(MESSAGES[locale])
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]) => [key.slice(prefix.length), text]),
  );
}

/** Dates and times as people of this language write them, in the organisation's time zone. */
export function timeFormat(locale: Locale, timeZone: string): TimeFormat {
  const key = `${locale} ${timeZone}`;
  let made = formats.get(key);
  if (!made) {
    // English as it is written in Europe: the day before the month, and 24 hours.
    const written = locale === 'en' ? 'en-GB' : locale;
    const time = new Intl.DateTimeFormat(written, { hour: '2-digit', minute: '2-digit', timeZone });
    const dateTime = new Intl.DateTimeFormat(written, { dateStyle: 'long', timeStyle: 'short', timeZone });
    made = { time: (at) => time.format(at), dateTime: (at) => dateTime.format(at) };
    formats.set(key, made);
  }
  return made;
}

export interface TimeFormat {
  time(at: Date): string;
  dateTime(at: Date): string;
}

// Making one takes a millisecond; every request uses one of two.
const formats = new Map<string, TimeFormat>();
