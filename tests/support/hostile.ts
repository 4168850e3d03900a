/** Values that break what was not thought through, and requests made of them. The same seed makes the same. */

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
}

export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** From 0 up to 1 (mulberry32). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  chance(share: number): boolean {
    return this.roll() < share;
  }
  one<T>(of: readonly T[]): T {
    return of[Math.floor(this.roll() * of.length)]!;
  }
}

export const TEXTS: readonly string[] = [
  '',
  ' ',
  '\t\r\n',
  'a',
  'a'.repeat(300),
  'é'.repeat(5000),
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202egnp.exe',
  '\u{1F4F1}'.repeat(100),
  'İstanbul',
  'ﬀ',
  '-1',
  '0',
  '00',
  '1e400',
  '9'.repeat(30),
  'NaN',
  'true',
  'null',
  'undefined',
  '[object Object]',
  '__proto__',
  'constructor',
  "' OR 1=1 --",
  '"; DROP TABLE account; --',
  '%',
  '_',
  '\\',
  '{a,b}',
  '$1',
  '$' + '{7*7}',
  '{{7*7}}',
  '<%= 7*7 %>',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  'javascript:alert(1)',
  'http://[::1',
  'http://169.254.169.254/',
  '//evil.example',
  '/\\evil.example',
  '../../../../etc/passwd',
  'file:///etc/passwd',
  '*)(uid=*',
  '=cmd|calc',
  'a@b',
  'x@example.org',
  `${'x'.repeat(250)}@example.org`,
  'x@example.org\r\nBcc: y@example.org',
  '2026-02-30',
  '2026-13-01T00:00:00Z',
  '0000-00-00',
  '+275760-09-13T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
  '10.0.0.0/99',
  '::ffff:127.0.0.1',
];

export const hostileText = (dice: Dice): string => dice.one(TEXTS);

function hostile(dice: Dice, depth = 0): unknown {
  const kind = Math.floor(dice.roll() * 10);
  if (kind < 5) return hostileText(dice);
  if (kind === 5) return dice.one([-1, 0, 1.5, 2 ** 31, 2 ** 53 + 2, -(2 ** 63), 1e308]);
  if (kind === 6) return dice.one([true, false, null]);
  if (kind === 7) {
    if (depth > 0) return [];
    const text = hostileText(dice);
    return dice.chance(0.1) ? Array.from({ length: 500 }, () => text) : [hostile(dice, 1), hostile(dice, 1)];
  }
  if (kind === 8)
    return depth > 1 ? {} : Object.fromEntries([1, 2].map(() => [hostileText(dice), hostile(dice, depth + 1)]));
  let nested: unknown = 1;
  for (let level = 0; level < 200; level += 1) nested = [nested];
  return nested;
}

/** A value that a schema takes, but for every few, which are hostile. */
export function nearly(
  schema: Schema = {},
  dice: Dice,
  schemas: Readonly<Record<string, Schema>>,
  share = 0.12,
): unknown {
  if (dice.chance(share)) return hostile(dice);
  if (schema.$ref) return nearly(schemas[schema.$ref.split('/').at(-1)!], dice, schemas, share);
  if (schema.enum) return dice.one(schema.enum);
  if (schema.anyOf) return nearly(dice.one(schema.anyOf), dice, schemas, share);
  if (schema.properties) {
    const names = Object.keys(schema.properties).filter(
      (name) => schema.required?.includes(name) !== false || dice.chance(0.5),
    );
    const made = names.map((name) => [name, nearly(schema.properties![name], dice, schemas, share)] as const);
    const more = dice.chance(0.05) ? [[hostileText(dice), hostile(dice)] as const] : [];
    return Object.fromEntries([...made, ...more]);
  }
  const type = [schema.type].flat()[0];
  if (type === 'array')
    return Array.from({ length: dice.one([0, 1, 2]) }, () => nearly(schema.items, dice, schemas, share));
  if (type === 'integer' || type === 'number') return (schema.minimum ?? 0) + dice.one([0, 1, 7]);
  if (type === 'boolean') return dice.chance(0.5);
  if (type === 'null') return null;
  if (schema.format === 'uuid') return '11111111-1111-4111-8111-111111111111';
  if (schema.format === 'date-time') return '2026-11-25T00:00:00Z';
  return dice.one([
    'naam',
    'een reden in woorden',
    `m${Math.floor(dice.roll() * 1e9)}@example.org`,
    'https://app.example.org/',
  ]);
}
