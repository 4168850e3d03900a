import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const run = (...words: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout;
};

/** What a sign-in may cost at most; lower these when it costs less. docs/performance.md says what it should cost. */
const MOST = { statements: 15, waits: 5 };

describe('the bench', () => {
  it('counts what a sign-in asks of the database, which does not grow unnoticed', { timeout: 120_000 }, () => {
    const said = run('bench/statements.ts');
    const [, statements, waits] = /(\d+) statements, (\d+) of them wait for the disk/.exec(said) ?? [];
    expect(Number(statements), said).toBeLessThanOrEqual(MOST.statements);
    expect(Number(waits), said).toBeLessThanOrEqual(MOST.waits);
  });

  it('measures sign-ins whose every answer is checked', { timeout: 180_000 }, () => {
    const report = JSON.parse(run('bench/sign-ins.ts', '--smoke')) as Record<string, unknown>;
    expect(report).toMatchObject({ people: 40, signIns: 10 });
    expect(readFileSync(join(ROOT, 'bench/results/sign-ins.html'), 'utf8')).toContain('<svg');
  });

  it.each([
    ['overload', { refusalsWithoutRetryAfter: 0 }],
    ['waiting', { laptops: 50 }],
    ['side-by-side', { signIns: 6 }],
    ['documents', { rounds: 1 }],
    ['oidc', { atOnce: 2 }],
    ['workers', { rows: [{ processes: 2 }] }],
  ])('measures %s', { timeout: 120_000 }, (name, figures) => {
    expect(JSON.parse(run(`bench/${name}.ts`, '--smoke'))).toMatchObject(figures);
  });
});
