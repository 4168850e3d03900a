import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LOCALE, LOCALES, type Locale } from '../core/locales.ts';
import en from './en.json' with { type: 'json' };
import nl from './nl.json' with { type: 'json' };

/** Dutch is the first language; the other must have every sentence, and no more. */
export type MessageKey = keyof typeof nl;
type Messages = Readonly<Record<MessageKey, string>>;

export { DEFAULT_LOCALE, LOCALES, type Locale };

// A sentence that is missing on either side does not compile.
const complete: Messages & Record<Exclude<keyof typeof en, MessageKey>, never> = en;
/** Another language is a file beside these two; what it lacks is said in English. */
const MESSAGES: Readonly<Record<Locale, Messages>> = Object.fromEntries(
  LOCALES.map((locale) => [
    locale,
    locale === 'nl' ? nl : locale === 'en' ? complete : { ...complete, ...fileOf(locale) },
  ]),
);

/** Somebody may have chosen a language whose file is gone since. */
const messagesIn = (locale: Locale): Messages => MESSAGES[locale] ?? nl;

export type Translate = (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string;

/** English as it is written in Europe: the day before the month, and 24 hours. */
const writtenIn = (locale: Locale): string => (locale === 'en' ? 'en-GB' : locale);
const NUMBERS = Object.fromEntries(LOCALES.map((locale) => [locale, new Intl.NumberFormat(writtenIn(locale))]));
const numbersIn = (locale: Locale): Intl.NumberFormat => NUMBERS[locale] ?? NUMBERS[DEFAULT_LOCALE]!;

/** Full sentences with `{placeholders}`; numbers are written as in that language. Escaping is the template's. */
export function translator(locale: Locale): Translate {
  const messages = messagesIn(locale);
  return (key, values = {}) =>
    messages[key].replace(/\{(\w+)\}/g, (whole, name: string) => {
      if (!Object.hasOwn(values, name)) return whole;
      const value = values[name]!;
      return typeof value === 'number' ? numbersIn(locale).format(value) : value;
    });
}

/** The sentences under one prefix, without it: what the companion app takes along. */
export function messagesUnder(prefix: string, locale: Locale): Record<string, string> {
  return Object.fromEntries(
    Object.entries(messagesIn(locale))
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]) => [key.slice(prefix.length), text]),
  );
}

/** Dates, times and numbers as people of this language write them, in the organisation's time zone. */
export function timeFormat(locale: Locale, timeZone: string): TimeFormat {
  const key = `${locale} ${timeZone}`;
  let made = formats.get(key);
  if (!made) {
    const written = writtenIn(locale);
    const time = new Intl.DateTimeFormat(written, { hour: '2-digit', minute: '2-digit', timeZone });
    const dateTime = new Intl.DateTimeFormat(written, { dateStyle: 'long', timeStyle: 'short', timeZone });
    const day = new Intl.DateTimeFormat(written, { dateStyle: 'long', timeZone: 'UTC' });
    const inUnit = (unit: 'second' | 'minute'): Intl.NumberFormat =>
      new Intl.NumberFormat(written, { style: 'unit', unit, unitDisplay: 'long' });
    const [seconds, minutes] = [inUnit('second'), inUnit('minute')];
    made = {
      time: (at) => time.format(at),
      dateTime: (at) => dateTime.format(at),
      day: (text) => day.format(new Date(text)),
      number: (value) => numbersIn(locale).format(value),
      duration: (value) => (value < 90 ? seconds.format(Math.ceil(value)) : minutes.format(Math.ceil(value / 60))),
    };
    formats.set(key, made);
  }
  return made;
}

export interface TimeFormat {
  time(at: Date): string;
  dateTime(at: Date): string;
  /** Of a day written `2026-11-24`. */
  day(text: string): string;
  number(value: number): string;
  /** Of seconds: “24 seconds”, “3 minutes”. */
  duration(seconds: number): string;
}

// Making one takes a millisecond; every request uses one of two.
const formats = new Map<string, TimeFormat>();

/** A language's own name for itself. */
export const nameOfLanguage = (locale: Locale): string =>
  (messagesIn(locale) as Readonly<Record<string, string>>)[`language.${locale}`] ??
  new Intl.DisplayNames([locale], { type: 'language' }).of(locale) ??
  locale;

/** @returns the sentences of a third language; those that ours do not know are ignored */
function fileOf(locale: Locale): Partial<Messages> {
  return JSON.parse(readFileSync(join(import.meta.dirname, `${locale}.json`), 'utf8')) as Partial<Messages>;
}
