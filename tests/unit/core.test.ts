import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { limiter } from '../../src/core/limiter.ts';
import { systemRandom } from '../../src/core/random.ts';
import { formatTypedCode, normalizeTypedCode } from '../../src/core/typed-code.ts';
import { isEmail } from '../../src/flow/administration.ts';
import { chooseLocale } from '../../src/i18n/choose.ts';
import en from '../../src/i18n/en.json' with { type: 'json' };
import nl from '../../src/i18n/nl.json' with { type: 'json' };
import { translator } from '../../src/i18n/translate.ts';

describe('typed codes', () => {
  it('carry 128 bits in 26 characters', () => {
    expect(formatTypedCode(new Uint8Array(16)).replaceAll('-', '')).toBe('0'.repeat(26));
    expect(formatTypedCode(new Uint8Array(16).fill(255))).toBe('ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZW');
  });
  it('are different for different bytes', () => {
    const codes = Array.from({ length: 500 }, () => formatTypedCode(systemRandom.bytes(16)));
    expect(new Set(codes).size).toBe(500);
  });
  it('are read as meant', () => {
    expect(normalizeTypedCode(' 0a1b-2c3d oil ')).toBe('0A1B2C3D011');
  });
});

describe('a limiter', () => {
  const held = () => {
    const ends: (() => void)[] = [];
    const work = () => new Promise<void>((resolve) => ends.push(resolve));
    return { ends, work };
  };

  it('runs so many at once, lets so many wait, and turns the next away before it begins', async () => {
    const { ends, work } = held();
    const { run, isFull } = limiter(2, { waiting: 3, waitMs: 1_000_000 });
    const all = Array.from({ length: 5 }, () => run(work));
    expect(ends).toHaveLength(2);
    expect(isFull()).toBe(true);
    await expect(run(work)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 2 });
    for (let ended = 0; ended < 5; ended += 1) {
      ends[ended]!();
      await all[ended];
      await Promise.resolve();
    }
    expect(ends).toHaveLength(5);
    expect(isFull()).toBe(false);
  });

  it('lets nobody wait for longer than they would have patience, by what the work took of late', async () => {
    const { run, isFull } = limiter(1, { waiting: 100, waitMs: 200 });
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 120));
    for (let time = 0; time < 6; time += 1) await run(slow);
    const running = run(slow);
    expect(isFull()).toBe(false);
    const waiting = run(slow);
    expect(isFull()).toBe(true);
    await Promise.all([running, waiting]);
    expect(isFull()).toBe(false);
    // And when the work has become fast again, more may wait.
    for (let time = 0; time < 20; time += 1) await run(async () => {});
    const { ends, work } = held();
    const many = Array.from({ length: 10 }, () => run(work));
    expect(isFull()).toBe(false);
    while (ends.length > 0 || isFull()) {
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    await Promise.all(many);
  });
});

describe('random digits', () => {
  it('have the asked length and use every digit', () => {
    const all = Array.from({ length: 400 }, () => systemRandom.digits(3));
    expect(all.every((each) => /^\d{3}$/.test(each))).toBe(true);
    expect(new Set(all.join('')).size).toBe(10);
  });
});

describe('the settings', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-config-'));
  const load = (environment: Record<string, string>) => loadConfig({ DATA_DIR: dataDir, ...environment }, systemRandom);

  it('need nothing', () => {
    const config = load({});
    expect(config.publicUrl).toBe('http://localhost:3000');
    expect(config.databaseUrl).toBeUndefined();
    expect(config.numberLength).toBe(2);
  });
  it('make a secret key once, readable by its owner alone', () => {
    const first = load({}).secretKeys[0];
    expect(load({}).secretKeys[0]).toBe(first);
    expect(statSync(join(dataDir, 'secret-key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, 'secret-key'), 'utf8').trim()).toBe(first);
  });
  it('tell all mistakes at once', () => {
    expect(() =>
      load({ PUBLIC_URL: 'http://id.example.org', PORT: 'many', NUMBER_LENGTH: '1', TIME_ZONE: 'Mars/Base' }),
    ).toThrow(/PUBLIC_URL must be https[\s\S]*PORT[\s\S]*TIME_ZONE[\s\S]*NUMBER_LENGTH/);
  });
  it('can come from files, and not from both', () => {
    const file = join(dataDir, 'url');
    writeFileSync(file, 'https://id.example.org\n');
    expect(load({ PUBLIC_URL_FILE: file }).publicUrl).toBe('https://id.example.org');
    expect(() => load({ PUBLIC_URL_FILE: file, PUBLIC_URL: 'https://x.example.org' })).toThrow(/both set/);
    expect(() => load({ PUBLIC_URL_FILE: '/nowhere' })).toThrow(/cannot be read \(ENOENT\)/);
  });
  it('count an empty value as not set', () => {
    expect(load({ PORT: '', SMTP_URL: '' }).port).toBe(3000);
  });
  it('are frozen', () => {
    expect(Object.isFrozen(load({}))).toBe(true);
  });
});

describe('the language', () => {
  it('is what the person chose, what the web app asks, what the browser prefers, then Dutch', () => {
    expect(chooseLocale('en', 'nl', 'nl')).toBe('en');
    expect(chooseLocale(undefined, 'fr en-GB', 'nl')).toBe('en');
    expect(chooseLocale(undefined, undefined, 'fr, en;q=0.5, nl;q=0.8')).toBe('nl');
    expect(chooseLocale(undefined, undefined, 'en-US,en;q=0.9')).toBe('en');
    expect(chooseLocale(undefined, undefined, 'nl;q=0, en;q=0.1')).toBe('en');
    expect(chooseLocale(undefined, undefined, 'de')).toBe('nl');
    expect(chooseLocale('xx', undefined, undefined)).toBe('nl');
  });
  it('has the same sentences with the same placeholders on both sides', () => {
    const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([whole]) => whole).sort();
    expect(Object.keys(en).sort()).toEqual(Object.keys(nl).sort());
    for (const [key, text] of Object.entries(nl)) {
      expect(placeholders(en[key as keyof typeof en]), key).toEqual(placeholders(text));
      expect(text.trim(), key).toBe(text);
    }
  });
  it('fills in values literally', () => {
    expect(translator('en')('ended.back', { client: '{client} $& <b>' })).toBe('Back to {client} $& <b>');
  });
});

describe('an address', () => {
  it.each(['a@b.nl', 'jan.de.vries+x@straße.example', "o'neil@example.org", 'a@例え.テスト'])('%s is one', (text) => {
    expect(isEmail(text)).toBe(true);
  });
  it.each([
    'a@b',
    'x@@b.nl',
    'x4@example.org;"onafgesloten;;;;',
    'x@exa_mple.o<b>',
    'x@b.nl,y@b.nl',
    'x @b.nl',
    ' x@b.nl',
  ])('%s is none', (text) => {
    expect(isEmail(text)).toBe(false);
  });
});
