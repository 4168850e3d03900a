import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

/** docs/architecture.md: data flows one way. What each layer may import, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  config: ['core'],
  crypto: ['core'],
  policy: ['core'],
  i18n: ['core'],
  store: ['core', 'crypto'],
  authenticators: ['core', 'crypto', 'store'],
  flow: ['core', 'policy', 'authenticators', 'store'],
  mail: ['core', 'i18n', 'flow'],
  ldap: ['core'],
  observe: ['core', 'crypto'],
  oidc: ['core', 'policy', 'flow', 'store'],
  http: ['core', 'i18n', 'flow', 'oidc'],
};
/** http knows the shape of what it shows, never how it is fetched: types only. */
const TYPES_ONLY: Record<string, readonly string[]> = { http: ['store', 'policy'], store: ['core'] };
const ENTRANCES = ['cli'];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), 'utf8') }));
const layerOf = (file: string): string => (file.includes('/') ? file.split('/')[0]! : 'root');

const imports = files.flatMap(({ file, text }) =>
  [...text.matchAll(/^import (type )?[\s\S]*?from '([^']+)'/gm)].map(([, isType, from]) => ({
    file,
    isType: Boolean(isType),
    from: from!,
  })),
);

describe('the house', () => {
  it('has no rooms that the plan does not know', () => {
    const layers = new Set(files.map(({ file }) => layerOf(file)).filter((layer) => layer !== 'root'));
    expect([...layers].sort()).toEqual([...Object.keys(MAY_IMPORT), ...ENTRANCES].sort());
  });

  it('lets data flow one way', () => {
    const wrong = imports
      .filter(({ from }) => from.startsWith('.'))
      .filter(({ file, from, isType }) => {
        const layer = layerOf(file);
        if (layer === 'root' || ENTRANCES.includes(layer)) return false;
        const target = layerOf(relative(SRC, resolve(SRC, file, '..', from)));
        return (
          target !== layer && !MAY_IMPORT[layer]!.includes(target) && !(isType && TYPES_ONLY[layer]?.includes(target))
        );
      })
      .map(({ file, from }) => `${file} imports ${from}`);
    expect(wrong).toEqual([]);
  });

  it('keeps each big library in its room', () => {
    const rooms: Record<string, RegExp> = {
      'oidc-provider': /^oidc\//,
      pg: /^store\//,
      fastify: /^(http|oidc\/mount)|^(app|server)\.ts$/,
      eta: /^http\/views\.ts$|^mail\/html\.ts$/,
      'web-push': /^authenticators\/push\//,
      nodemailer: /^mail\//,
      ldapts: /^ldap\//,
      '@node-rs/argon2': /^crypto\//,
      '@opentelemetry/api': /^observe\//,
    };
    const wrong = imports
      .filter(({ file, from }) => rooms[from] && !rooms[from].test(file))
      .map(({ file, from }) => `${file} imports ${from}`);
    expect(wrong).toEqual([]);
    const prisma = imports.filter(({ file, from }) => /@prisma|generated/.test(from) && !file.startsWith('store/'));
    expect(prisma).toEqual([]);
  });

  it('writes SQL in the store alone', () => {
    const wrong = files.filter(
      ({ file, text }) => !file.startsWith('store/') && /\b(INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b/.test(text),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('reads time and chance by the door', () => {
    const wrong = files.filter(
      ({ file, text }) =>
        /^(core|policy|flow|authenticators)\//.test(file) &&
        !/core\/(clock|random)\.ts$/.test(file) &&
        /Date\.now\(|new Date\(\)|Math\.random|randomBytes|randomUUID/.test(text),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it('has files of one idea: none over 300 lines', () => {
    const long = files.filter(({ text }) => text.split('\n').length > 300).map(({ file }) => file);
    expect(long).toEqual([]);
  });

  it('has kebab-case names and no barrels', () => {
    expect(
      files
        .filter(({ file }) => !/^[a-z0-9/-]+\.ts$/.test(file) || /(^|\/)index\.ts$/.test(file))
        .map(({ file }) => file),
    ).toEqual([]);
  });
});

describe('what we say of ourselves', () => {
  const root = join(SRC, '..');
  const rowsOf = (file: string): string[] =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .filter((line) => /^\| (?!guarantee|#|gone|level|[123] \||---)/.test(line));
  const filesIn = (row: string): string[] =>
    [...row.matchAll(/`((?:tests|src|docs|views|public|bench|README)[\w./-]*\.\w+)`/g)].map(([, file]) => file!);

  it('in the threat model names tests that are there', () => {
    const rows = rowsOf('docs/threat-model.md');
    expect(rows.length).toBeGreaterThan(70);
    for (const row of rows) {
      expect(filesIn(row).length, row).toBeGreaterThan(0);
      for (const file of filesIn(row)) expect(existsSync(join(root, file)), file).toBe(true);
    }
  });

  it.each([
    ['docs/asvs.md', 330],
    ['docs/norms.md', 60],
  ])('of norms has evidence for all that is met, and it is there: %s', (file, atLeast) => {
    const rows = rowsOf(file);
    expect(rows.length).toBeGreaterThan(atLeast);
    for (const row of rows) {
      const [, , , , verdict] = row.split('|').map((cell) => cell.trim());
      expect(['met', 'partly', 'not met', 'n/a'], row).toContain(verdict);
      if (verdict === 'met') expect(filesIn(row).length, row).toBeGreaterThan(0);
      for (const file of filesIn(row)) expect(existsSync(join(root, file)), file).toBe(true);
    }
  });
});
