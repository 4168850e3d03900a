import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { serveMetrics } from '../../src/observing.ts';
import { makeDatabase } from '../support/database.ts';
import { startInstallation } from '../support/installation.ts';
import { isInstalled } from '../support/judges.ts';
import { Laptop } from '../support/laptop.ts';
import { freePort } from '../support/ports.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolPhone, givePassword, goOn } from '../support/story.ts';
import { startTlsProxy } from '../support/tls-proxy.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A folder as somebody has it who follows deploy/README.md. */
function followTheGuide(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-deploy-'));
  cpSync(join(ROOT, 'docker-compose.yml'), join(folder, 'docker-compose.yml'));
  cpSync(join(ROOT, 'deploy'), join(folder, 'deploy'), {
    recursive: true,
    filter: (path) => !/deploy\/(secrets|settings\.env)/.test(path),
  });
  execFileSync(join(folder, 'deploy/make-secrets.sh'), ['login.example.org']);
  return folder;
}
const secret = (folder: string, name: string): string => readFileSync(join(folder, 'deploy/secrets', name), 'utf8');

describe('with containers', () => {
  it('secrets and settings are made once, closed to others, and the server takes them', () => {
    const folder = followTheGuide();
    expect(statSync(join(folder, 'deploy/secrets')).mode & 0o777).toBe(0o700);
    const before = secret(folder, 'secret-key');
    execFileSync(join(folder, 'deploy/make-secrets.sh'), ['login.example.org']);
    expect(secret(folder, 'secret-key')).toBe(before);
    const settings = readFileSync(join(folder, 'deploy/settings.env'), 'utf8')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
    const config = loadConfig(
      {
        ...Object.fromEntries(settings),
        DATA_DIR: folder,
        DATABASE_URL_FILE: join(folder, 'deploy/secrets/database-url'),
        DATABASE_OWNER_URL_FILE: join(folder, 'deploy/secrets/database-owner-url'),
        SECRET_KEY_FILE: join(folder, 'deploy/secrets/secret-key'),
      },
      systemRandom,
    );
    expect(config.publicUrl).toBe('https://login.example.org');
    expect(config.secretKeys).toEqual([before]);
    const { username, password, hostname, pathname } = new URL(config.databaseUrl!);
    expect([username, password, hostname, pathname]).toEqual([
      'server',
      secret(folder, 'database-password'),
      'database',
      '/dubbelslot',
    ]);
    expect(new URL(config.databaseOwnerUrl!).username).toBe('owner');
  });

  it.skipIf(!isInstalled('docker-compose'))(
    'docker-compose understands the file, and finds each secret (skipped without docker-compose)',
    () => {
      const folder = followTheGuide();
      const { status, stdout, stderr } = spawnSync('docker-compose', ['config'], { cwd: folder, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      expect(stdout).toContain('condition: service_healthy');
      const files = [...stdout.matchAll(/^ {4}file: (.*)$/gm)].map(([, file = '']) => file);
      expect(files).toHaveLength(7);
      expect(files.filter((file) => !existsSync(file))).toEqual([]);
    },
  );

  it.skipIf(!isInstalled('psql'))(
    'the database makes a role for the server that owns nothing (skipped without psql)',
    async () => {
      const folder = followTheGuide();
      const database = await makeDatabase();
      const url = new URL(database.ownerUrl);
      const socket = url.searchParams.get('host') ?? url.hostname;
      const role = `server_${systemRandom.digits(8)}`;
      // The script as the image runs it, but for the name of the role and where the secret lies.
      const script = readFileSync(join(folder, 'deploy/database/create-server-role.sh'), 'utf8')
        .replace('/run/secrets/database_password', join(folder, 'deploy/secrets/database-password'))
        .replace('ROLE server ', `ROLE ${role} `);
      execFileSync('sh', ['-c', script], {
        env: {
          ...process.env,
          PGHOST: socket,
          PGPASSWORD: decodeURIComponent(url.password),
          POSTGRES_USER: url.username,
          POSTGRES_DB: url.pathname.slice(1),
        },
      });
      const client = new pg.Client({
        host: socket,
        user: role,
        password: secret(folder, 'database-password'),
        database: url.pathname.slice(1),
      });
      await client.connect();
      await expect(client.query('SELECT * FROM account')).rejects.toThrow(/permission denied/);
      await client.end();
      const owner = new pg.Client({ connectionString: database.ownerUrl });
      await owner.connect();
      await owner.query(`DROP ROLE ${role}`);
      await owner.end();
      await database.drop();
    },
  );
});

describe('what is watched', () => {
  const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/dashboards/dubbelslot.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  const questions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const rules = readFileSync(join(ROOT, 'deploy/prometheus/alerts.yml'), 'utf8');

  it.skipIf(!isInstalled('prometheus'))(
    'Prometheus, as we set it up, reads the figures, takes every rule, and understands the whole dashboard (skipped without prometheus)',
    { timeout: 60_000 },
    async () => {
      const folder = followTheGuide();
      const token = secret(folder, 'metrics-token');
      const [figuresPort, port] = [await freePort(), await freePort()];
      const installation = await startInstallation({
        METRICS_LISTEN: `0.0.0.0:${figuresPort}`,
        METRICS_TOKEN: token,
      });
      const { config, metrics, log } = installation.d;
      const figures = await serveMetrics(config.metrics!, metrics!, log);
      const own = join(folder, 'deploy/prometheus/own.yml');
      writeFileSync(
        own,
        readFileSync(join(folder, 'deploy/prometheus/prometheus.yml'), 'utf8')
          .replace('/run/secrets/metrics_token', join(folder, 'deploy/secrets/metrics-token'))
          .replace('server:9464', `localhost:${figuresPort}`)
          .replaceAll('15s', '1s'),
      );
      const prometheus = spawn(
        'prometheus',
        [`--config.file=${own}`, `--storage.tsdb.path=${folder}/kept`, `--web.listen-address=localhost:${port}`],
        { stdio: 'ignore' },
      );
      const ask = async (path: string) => {
        const answer = await fetch(`http://localhost:${port}/api/v1/${path}`);
        return (await answer.json()) as { status: string; error?: string; data: { result: unknown[] } & Rules };
      };
      type Rules = { groups: { rules: { name: string; health: string; state: string }[] }[] };
      const query = (question: string) => ask(`query?query=${encodeURIComponent(question)}`);
      try {
        await fetch(installation.url);
        await expect
          .poll(
            () =>
              query('up{job="dubbelslot"} == 1').then(
                ({ data }) => data.result.length,
                () => 0,
              ),
            { timeout: 20_000 },
          )
          .toBe(1);
        for (const question of questions) {
          const { status, error } = await query(question.replaceAll('$__rate_interval', '1m'));
          expect([status, error], question).toEqual(['success', undefined]);
        }
        const health = async () => (await ask('rules')).data.groups.flatMap((group) => group.rules);
        await expect.poll(async () => (await health()).filter((rule) => rule.health === 'ok').length).toBe(12);
        expect((await health()).filter(({ state }) => state === 'firing')).toEqual([]);
        // What is asked for is there, by the very name.
        const text = await installation.d.metrics!.registry.metrics();
        const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
        const asked = [...`${questions.join('\n')}${rules}`.matchAll(/\b((?:dubbelslot|http|nodejs|process)_\w+)\{/g)];
        expect(asked.length).toBeGreaterThan(40);
        for (const [, name] of asked)
          expect(there.has(name) || there.has(name!.replace(/_(count|sum|bucket)$/, '')), name).toBe(true);
      } finally {
        prometheus.kill('SIGKILL');
        await figures.close();
        await installation.close();
      }
    },
  );
});

describe('with systemd', () => {
  it.skipIf(!isInstalled('systemd-analyze'))(
    'the unit is understood, and closed as far as it can be (skipped without systemd-analyze)',
    () => {
      const unit = join(ROOT, 'deploy/dubbelslot.service');
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
      const said = spawnSync('systemd-analyze', ['security', '--offline=true', unit], { encoding: 'utf8' }).stdout;
      expect(Number(/exposure level[^:]*: ([\d.]+)/.exec(said)?.[1])).toBeLessThan(2);
    },
  );
});

describe('behind a proxy', () => {
  for (const kind of ['nginx', 'caddy'] as const)
    it.skipIf(!isInstalled(kind))(
      `${kind}, as we say it is set up: people sign in over TLS, a page that waits hears at once, nobody invents an address (skipped without ${kind})`,
      { timeout: 60_000 },
      async () => {
        const port = await freePort();
        const serverPort = await freePort();
        const installation = await startInstallation({
          PORT: String(serverPort),
          PUBLIC_URL: `https://localhost:${port}`,
          TRUST_PROXY: '127.0.0.1,::1',
        });
        const proxy = await startTlsProxy(kind, port, serverPort);
        try {
          const redirectUri = await RelyingParty.redirectUri();
          const clientSecret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
          const rp = await RelyingParty.discover(installation.url, 'app', clientSecret, redirectUri);
          const person = await installation.addPerson();
          const laptop = new Laptop({ 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' });
          await givePassword(laptop, rp, person);
          const phone = await enrolPhone(laptop, installation.url);
          await goOn(laptop, rp);

          const next = new Laptop();
          const request = await givePassword(next, rp, person);
          const { number, page } = next;
          const stream = await next.send(`${page.url}/events`, { headers: { accept: 'text/event-stream' } });
          const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
          // Held back by a proxy, this would come with the end of the stream, which the approval below is to bring.
          expect((await reader.read()).value).toContain('retry:');
          expect((await phone.approve(number)).status).toBe(200);
          let heard = '';
          while (!heard.includes('event: changed'))
            heard += (await reader.read()).value ?? 'event: changed, by its end';
          expect(heard).not.toContain('by its end');
          const landed = await next.open(page.url, {}, redirectUri);
          const tokens = await rp.redeem(request, landed.url);
          expect(tokens.claims()?.acr).toBe('urn:dubbelslot:acr:mfa');

          const events = await installation.d.auditStore.list({ accountId: person.account.id, limit: 100 });
          expect(
            new Set(events.filter(({ action }) => action === 'password.verified').map(({ origin }) => origin)),
          ).toEqual(new Set(['127.0.0.1']));
          expect(next.cookies().some((cookie) => cookie.startsWith('__Host-op='))).toBe(true);
        } finally {
          await proxy.stop();
          await installation.close();
        }
      },
    );
});
