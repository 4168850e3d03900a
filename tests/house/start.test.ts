import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { removeDataDir } from '../support/data-dir.ts';
import { freePort } from '../support/ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-start-'));

afterAll(() => removeDataDir(dataDir));

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

function run(file: string, args: string[], environment: Record<string, string>, input?: string): Run {
  let output = '';
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, file), ...args], {
    env: { ...process.env, DATA_DIR: dataDir, ...environment },
    stdio: 'pipe',
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  if (input !== undefined) child.stdin?.end(input);
  return { child, output: () => output, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

const isReady = (port: number): Promise<boolean> =>
  fetch(`http://localhost:${port}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );

describe('npm start', () => {
  it.each(['1', '2'])('told to stop while it starts, with %s processes, leaves nothing running', async (processes) => {
    const own = mkdtempSync(join(tmpdir(), 'dubbelslot-start-'));
    const begun = run('src/main.ts', [], { PORT: String(await freePort()), DATA_DIR: own, WEB_CONCURRENCY: processes });
    await expect.poll(() => existsSync(join(own, 'postgres')), { interval: 10, timeout: 30_000 }).toBe(true);
    begun.child.kill('SIGTERM');
    expect(await begun.ended).toBe(0);
    expect(begun.output()).not.toContain('could not');
    expect(readdirSync(join(own, 'postgres/cluster'))).not.toContain('postmaster.pid');
    removeDataDir(own);
  });

  it('starts with no setting but a port, prints the link for the first administrator, and stops cleanly', async () => {
    const port = await freePort();
    const first = run('src/main.ts', [], { PORT: String(port) });
    await expect.poll(() => isReady(port), { timeout: 30_000 }).toBe(true);
    await expect.poll(first.output).toMatch(new RegExp(`http://localhost:${port}/setup\\?code=[\\w-]{22}`));

    // A command beside the running server joins its database.
    const added = run(
      'src/cli.ts',
      ['account', 'add', 'iemand@example.org', '--name', 'Iemand'],
      {},
      'veertien blauwe boten\n',
    );
    expect(await added.ended).toBe(0);
    expect(added.output()).toBe('Added iemand@example.org.\n');

    // A second server on the same port says so, and leaves the first one's database alone.
    const busy = run('src/main.ts', [], { PORT: String(port) });
    expect(await busy.ended).toBe(1);
    expect(busy.output()).toContain(`Port ${port} is in use`);
    expect(await isReady(port)).toBe(true);

    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(await isReady(port)).toBe(false);
    const postmaster = join(dataDir, 'postgres/cluster/postmaster.pid');
    expect(() => readFileSync(postmaster)).toThrow();

    // Starting again finds the data.
    const second = run('src/main.ts', [], { PORT: String(port) });
    await expect.poll(() => isReady(port), { timeout: 30_000 }).toBe(true);
    const listed = run('src/cli.ts', ['account', 'list', '--json'], {});
    expect(await listed.ended).toBe(0);
    expect(JSON.parse(listed.output())).toMatchObject([{ email: 'iemand@example.org', name: 'Iemand', phones: 0 }]);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  it('refuses another secret key, and settings that cannot be used, in words', async () => {
    const otherKey = run('src/main.ts', [], { PORT: String(await freePort()), SECRET_KEY: 'A'.repeat(43) });
    expect(await otherKey.ended).toBe(1);
    expect(otherKey.output()).toContain('sealed with another SECRET_KEY');
    expect(otherKey.output()).not.toContain('    at ');
    const away = run('src/main.ts', [], { DATABASE_URL: 'postgres://user:secret-word@localhost:1/none' });
    expect(await away.ended).toBe(1);
    expect(away.output()).toContain('The database at localhost:1 cannot be used (ECONNREFUSED)');
    expect(away.output()).not.toMatch(/secret-word|\n {4}at /);
    const bad = run('src/main.ts', [], { PORT: 'nonsense', PUBLIC_URL: 'ftp://x' });
    expect(await bad.ended).toBe(1);
    expect(bad.output()).toMatch(/PUBLIC_URL[\s\S]*PORT/);
  });
});

describe('the command line', () => {
  it('takes a password from the input or makes one up, never as an argument, and says what is wrong', async () => {
    const cli = async (args: string[], input?: string) => {
      const ran = run('src/cli.ts', args, {}, input ?? '');
      return { code: await ran.ended, output: ran.output() };
    };
    expect(await cli(['account', 'add', 'made@example.org', '--generate'])).toMatchObject({
      code: 0,
      output: expect.stringMatching(/Password, shown this once: (\w{5}-){3}\w{5}/),
    });
    expect(await cli(['account', 'add', 'made@example.org', '--generate'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('already'),
    });
    expect(await cli(['account', 'add', 'weak@example.org'], 'welkom01\n')).toMatchObject({
      code: 2,
      output: expect.stringContaining('used too often'),
    });
    expect((await cli(['account', 'add', 'x@example.org', '--password', 'secret'])).code).toBe(2);
    expect(await cli(['account', 'reset', 'made@example.org'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('--yes'),
    });
    expect(await cli(['account', 'reset', 'made@example.org', '--yes'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('--reason'),
    });
    expect(
      await cli(['account', 'reset', 'made@example.org', '--yes', '--reason', 'lost phone', '--cause', 'lost']),
    ).toMatchObject({ code: 0, output: expect.stringMatching(/Temporary pass .*: (\w{4}-){3}\w{4}/) });
    expect(await cli(['client', 'add', 'app', '--redirect', 'http://intranet.example.org/callback'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('must start with https'),
    });
    const client = await cli(['client', 'add', 'app', '--redirect', 'https://intranet.example.org/callback']);
    expect(client.output).toMatch(/Client secret: [\w-]{43}/);
    expect((await cli(['client', 'list'])).output).toContain('https://intranet.example.org/callback');
    expect((await cli(['account', 'pass', 'made@example.org', '--reason', 'first day'])).output).toMatch(
      /shown this once: (\w{4}-){3}\w{4}/,
    );
    expect((await cli(['account', 'add', 'invited@example.org', '--invite'])).output).toContain('by mail');
    expect(readdirSync(join(dataDir, 'outbox')).length).toBeGreaterThan(0);
    expect((await cli(['account', 'groups', 'made@example.org', '--set', 'beheer, extern'])).output).toContain(
      'extern',
    );
    expect((await cli(['account', 'list'])).output).toContain('no second factor');
    expect(await cli(['nonsense'])).toMatchObject({ code: 2 });
    expect(await cli(['--help'])).toMatchObject({ code: 0, output: expect.stringContaining('account add') });
  });
});

describe('a backup, at the command line', () => {
  it('is made beside the server, looked over, and restored where there is nothing', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'dubbelslot-restored-'));
    const file = join(elsewhere, 'kopie.age');
    const cli = async (args: string[], environment: Record<string, string> = {}) => {
      const ran = run('src/cli.ts', args, environment, '');
      return { code: await ran.ended, output: ran.output() };
    };
    try {
      expect(await cli(['backup', 'create', file])).toMatchObject({
        code: 0,
        output: expect.stringContaining('Written'),
      });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(await cli(['backup', 'create', file])).toMatchObject({
        code: 2,
        output: expect.stringContaining('already'),
      });
      expect(await cli(['backup', 'check', file])).toMatchObject({
        code: 0,
        output: expect.stringContaining('is whole'),
      });
      const restored = { DATA_DIR: join(elsewhere, 'data') };
      expect(await cli(['backup', 'restore', file], restored)).toMatchObject({ code: 2 });
      // The key of this place is another one.
      expect(await cli(['backup', 'restore', file, '--yes'], restored)).toMatchObject({
        code: 1,
        output: expect.stringContaining('needs the secret key'),
      });
      cpSync(join(dataDir, 'secret-key'), join(restored.DATA_DIR, 'secret-key'));
      expect(await cli(['backup', 'restore', file, '--yes'], restored)).toMatchObject({
        code: 0,
        output: expect.stringContaining('The audit log verifies.'),
      });
      expect((await cli(['account', 'list'], restored)).output).toContain('iemand@example.org');
      expect(await cli(['backup', 'restore', file, '--yes'], restored)).toMatchObject({
        code: 1,
        output: expect.stringContaining('in use already'),
      });
    } finally {
      removeDataDir(join(elsewhere, 'data'));
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });
});

describe('the policy, at the command line', () => {
  it('is checked, set, shown, tested and replayed; what cannot be used says why', async () => {
    const cli = async (args: string[], input?: string) => {
      const ran = run('src/cli.ts', args, {}, input ?? '');
      return { code: await ran.ended, output: ran.output() };
    };
    const policy = (rule: object) => JSON.stringify({ rules: [{ name: 'buiten kantoor', ...rule }] });
    expect(await cli(['policy', 'check', '-'], policy({ outcome: { require: 'aal9' } }))).toMatchObject({
      code: 2,
      output: expect.stringContaining('“buiten kantoor”.outcome.require: must be one of mfa, phr.'),
    });
    expect(await cli(['policy', 'set', '-'], 'not json')).toMatchObject({
      code: 2,
      output: expect.stringContaining('not JSON'),
    });
    expect(await cli(['policy', 'set', '/nowhere.json'])).toMatchObject({ code: 2 });
    const rule = { when: { notNetworks: ['10.0.0.0/8'] }, outcome: { require: 'phr' } };
    expect(await cli(['policy', 'set', '-'], policy(rule))).toMatchObject({
      code: 0,
      output: expect.stringContaining('in force'),
    });
    expect((await cli(['policy', 'show'])).output).toContain('buiten kantoor');
    expect((await cli(['policy', 'history'])).output).toContain('"version"');
    const test = await cli(['policy', 'test', 'made@example.org', '--client', 'app', '--network', '203.0.113.7']);
    expect(test.output).toMatch(/access: +phr +\(buiten kantoor\)/);
    const office = await cli(['policy', 'test', 'made@example.org', '--client', 'app', '--network', '10.1.2.3']);
    expect(office.output).toMatch(/access: +mfa +\(the default/);
    expect(await cli(['policy', 'test', 'made@example.org', '--client', 'none'])).toMatchObject({ code: 2 });
    expect((await cli(['policy', 'replay', '--days', '30'])).output).toContain('0 of 0 sign-ins');
  });
});

describe('the suite’s own claim', () => {
  it('is that no process of the embedded PostgreSQL is left behind here', async () => {
    const { stdout } = await new Promise<{ stdout: string }>((resolve) =>
      execFile('ps', ['ax', '-o', 'args'], (_error, stdout) => resolve({ stdout })),
    );
    expect(stdout.split('\n').filter((line) => line.includes(dataDir))).toEqual([]);
  });
});
