import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { licensed } from '../../bin/licences.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}
const locked = Object.entries(read('package-lock.json').packages as Record<string, Locked>).filter(([path]) => path);

describe('what is installed', () => {
  it('is held to its bytes, wherever it comes from', () => {
    expect(locked.length).toBeGreaterThan(100);
    expect(locked.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-'))).toEqual([]);
    expect(locked.filter(([, { resolved, link }]) => resolved !== undefined || link)).toEqual([]);
  });

  it('is named by one version, not by a range', () => {
    const { dependencies, devDependencies } = read('package.json') as Record<string, Record<string, string>>;
    const ranges = Object.entries({ ...dependencies, ...devDependencies }).filter(
      // Node itself: the newest of its line, for its security fixes.
      ([name, version]) => name !== 'node' && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(ranges).toEqual([]);
  });

  it('runs no script of its own while it is installed, but for those that were looked at', () => {
    const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
    const scripted = locked
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(scripted.filter((name) => !(name in allowScripts))).toEqual([]);
  });

  it('has licences that go with ours', () => {
    const all = licensed(ROOT);
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(({ isFine }) => !isFine)).toEqual([]);
  });

  it('is listed, with its bytes, in a bill of materials (CycloneDX)', async () => {
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], {
      cwd: ROOT,
      maxBuffer: 32 << 20,
    });
    const bill = JSON.parse(stdout);
    expect([bill.bomFormat, bill.metadata.component.name]).toEqual(['CycloneDX', 'dubbelslot']);
    const listed = new Map(
      bill.components.map(
        (each: { group?: string; name: string; version: string; hashes?: unknown[]; purl: string }) => [
          each.purl,
          each,
        ],
      ),
    );
    for (const name of Object.keys(read('package.json').dependencies)) {
      const { version } = locked.find(([path]) => path === `node_modules/${name}`)![1];
      const found = listed.get(`pkg:npm/${name.replace('@', '%40')}@${version}`) as { hashes?: { alg: string }[] };
      expect(found?.hashes?.[0]?.alg, name).toBe('SHA-512');
    }
    // What only a developer needs is not there.
    expect([...listed.keys()].filter((purl) => /vitest|playwright/.test(String(purl)))).toEqual([]);
  }, 60_000);
});
