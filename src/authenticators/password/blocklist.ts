import { dictionary } from '@zxcvbn-ts/language-common';

/** What Dutch people choose where a list of the world's passwords does not look. */
const DUTCH = [
  'welkom',
  'wachtwoord',
  'geheim',
  'geheimpje',
  'zomer',
  'winter',
  'herfst',
  'lente',
  'voorjaar',
  'najaar',
  'januari',
  'februari',
  'maart',
  'april',
  'augustus',
  'september',
  'oktober',
  'november',
  'december',
  'maandag',
  'dinsdag',
  'woensdag',
  'donderdag',
  'vrijdag',
  'nederland',
  'provincie',
  'gemeente',
  'amsterdam',
  'rotterdam',
  'utrecht',
  'vakantie',
  'voetbal',
  'feyenoord',
  'vanmij',
  'inloggen',
  'thuiswerken',
  'dubbelslot',
];

let words: Set<string> | undefined;

/** Whether a password, in lower case, is among the about 49,000 most used ones (read on first use). */
export function isCommonPassword(lowerCased: string): boolean {
  words ??= new Set([...(dictionary['passwords-common'] as readonly string[]), ...DUTCH]);
  return words.has(lowerCased);
}
