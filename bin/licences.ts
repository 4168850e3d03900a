/**
 * Which licences come along with what is installed to run Dubbelslot; fails on one that was not looked at.
 * `--list` prints each package.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** SPDX identifiers that go with Apache-2.0, and what they ask of us: their text goes along, in the package. */
const FINE = [
  'MIT',
  'MIT-0',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
];
/** Looked at one by one. */
const LOOKED_AT: Readonly<Record<string, string>> = {
  'web-push': 'MPL-2.0 asks for the source of its own files where they are changed: they are not',
};

export interface Licensed {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly isFine: boolean;
}

/** What `npm ci --omit dev` installs, on any machine. */
export function licensed(root: string): Licensed[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path, { version = '', license = 'none' }]) => {
      const name = path.replace(/^.*node_modules\//, '');
      const choices = license.replace(/[()]/g, '').split(' OR ');
      const isFine = choices.some((each) => FINE.includes(each)) || name in LOOKED_AT;
      return { name, version, licence: license, isFine };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

if (import.meta.main) {
  const all = licensed(join(import.meta.dirname, '..'));
  if (process.argv.includes('--list'))
    process.stdout.write(all.map(({ name, version, licence }) => `${name} ${version}: ${licence}\n`).join(''));
  const wrong = all.filter(({ isFine }) => !isFine);
  for (const { name, version, licence } of wrong)
    process.stderr.write(`${name} ${version} has the licence ${licence}, which nobody looked at: bin/licences.ts\n`);
  if (wrong.length > 0) process.exitCode = 1;
}
