/**
 * The protocol's endpoints, from outside: `npm run bench:oidc` (see README.md). Requests a second and CPU of each, for
 * one server process and for two on one database, and how many SQL statements each takes. Every answer is checked.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createApp } from '../src/app.ts';
import { loadConfig } from '../src/config/load.ts';
import { systemRandom } from '../src/core/random.ts';
import type { ClientToAdd } from '../src/flow/clients.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { postgresHome, removeDataDir } from '../tests/support/data-dir.ts';
import { Laptop } from '../tests/support/laptop.ts';
import { freePort } from '../tests/support/ports.ts';
import { RelyingParty } from '../tests/support/relying-party.ts';
import { approveAndGoOn, enrolPhone, givePassword, goOn } from '../tests/support/story.ts';
import { type Answer, call } from './lib/browser.ts';
import { median, rounded } from './lib/numbers.ts';
import { cpuSeconds, postgresCpuSeconds } from './lib/processes.ts';
import { type RunningServer, startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SECONDS = isSmoke ? 0.2 : 3;
const ROUNDS = isSmoke ? 1 : 3;
const AT_ONCE = isSmoke ? 2 : 8;
const COUNTED = 20;
const API = 'https://api.example.org/';
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});

function ok(answer: Answer, status = 200): Answer {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.body.slice(0, 300)}`);
  return answer;
}

const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-bench-'));
const ports = [await freePort(), await freePort()] as const;
const publicUrl = `http://localhost:${ports[0]}`;
const environment = { DATA_DIR: dataDir, LOG_LEVEL: 'warn', PUBLIC_URL: publicUrl };

const start = (port: number): Promise<RunningServer> => startServer({ ...environment, PORT: String(port) });

// In this process first: makes the clients, and counts statements.
const installation = await openInstallation(
  loadConfig({ ...environment, PORT: String(ports[0]) }, systemRandom),
  createLog('error'),
);
const { dependencies: d } = installation;
const add = async (client: ClientToAdd): Promise<string> => {
  const registered = await d.clientRegistration.register(client, BY);
  if (!registered.ok) throw new Error(registered.mistakes.join(' '));
  return registered.value ?? '';
};
const redirectUri = await RelyingParty.redirectUri();
const resources = [{ uri: API, scopes: ['read'], format: 'jwt' as const }];
const webSecret = await add({ id: 'web', redirectUris: [redirectUri], grants: ['refresh'], resources });
const robotSecret = await add({ id: 'robot', profile: 'machine', resources });
const person = { email: 'bench@example.org', password: d.administration.madeUpPassword() };
await d.administration.addAccount({ ...person, displayName: 'Bench' }, BY);

/** One browser that is signed in, and what it holds. */
interface Worker {
  readonly laptop: Laptop;
  access: string;
  refresh: string;
}

async function makeWorkers(rp: RelyingParty, count: number): Promise<Worker[]> {
  const workers: Worker[] = [];
  let phone: Awaited<ReturnType<typeof enrolPhone>> | undefined = knownPhone;
  for (let index = 0; index < count; index += 1) {
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    const landed = phone
      ? await approveAndGoOn(laptop, phone, rp)
      : await enrolPhone(laptop, publicUrl).then((made) => {
          phone = made;
          return goOn(laptop, rp);
        });
    const tokens = await rp.redeem(request, landed.url);
    workers.push({ laptop, access: tokens.access_token, refresh: tokens.refresh_token! });
  }
  knownPhone = phone;
  return workers;
}
let knownPhone: Awaited<ReturnType<typeof enrolPhone>> | undefined;

type Operation = (base: string, worker: Worker, rp: RelyingParty) => Promise<unknown>;

const clientCredentials =
  (more: Record<string, string>): Operation =>
  async (base) =>
    ok(
      await call(`${base}/oidc/token`, {
        headers: basic('robot', robotSecret),
        form: { grant_type: 'client_credentials', ...more },
      }),
    );

/** Authorize on a live session, and exchange the code: what single sign-on costs. */
const codeFlow =
  (more: Record<string, string>): Operation =>
  async (base, { laptop }, rp) => {
    const request = await rp.request({ prompt: 'none', ...more });
    const cookie = laptop
      .cookies()
      .filter((each) => each.endsWith('; Path=/'))
      .map((each) => each.split('; Path')[0])
      .join('; ');
    const answer = ok(await call(request.url.replace(publicUrl, base), { headers: { cookie } }), 303);
    const code = new URL(String(answer.headers.location)).searchParams.get('code');
    if (!code) throw new Error(`no code: ${answer.headers.location}`);
    const { resource } = more;
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: request.codeVerifier,
      ...(resource ? { resource } : {}),
    };
    ok(await call(`${base}/oidc/token`, { headers: basic('web', webSecret), form }));
  };

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'health (the reference)': async (base) => ok(await call(`${base}/health/live`)),
  discovery: async (base) => ok(await call(`${base}/.well-known/openid-configuration`)),
  JWKS: async (base) => ok(await call(`${base}/oidc/jwks`)),
  'client credentials, opaque': clientCredentials({}),
  'client credentials, JWT': clientCredentials({ resource: API, scope: 'read' }),
  refresh: async (base, worker) => {
    const answer = ok(
      await call(`${base}/oidc/token`, {
        headers: basic('web', webSecret),
        form: { grant_type: 'refresh_token', refresh_token: worker.refresh },
      }),
    );
    worker.refresh = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token;
  },
  introspection: async (base, worker) => {
    const form = { token: worker.access, token_type_hint: 'access_token' };
    const answer = ok(await call(`${base}/oidc/introspect`, { headers: basic('web', webSecret), form }));
    if (!answer.body.includes('"active":true')) throw new Error(answer.body);
  },
  userinfo: async (base, worker) =>
    ok(await call(`${base}/oidc/userinfo`, { headers: { authorization: `Bearer ${worker.access}` } })),
  'code flow on a session, opaque token': codeFlow({}),
  'code flow on a session, JWT': codeFlow({ scope: 'openid read', resource: API }),
};

// How many statements each takes, one after the other in this process.
const app = await createApp(d);
await app.listen({ port: ports[0], host: 'localhost' });
let statements = 0;
const { query } = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
(pg.Client.prototype as unknown as { query: typeof query }).query = function (this: unknown, ...args) {
  statements += 1;
  return query.apply(this, args);
};
const rp = await RelyingParty.discover(publicUrl, 'web', webSecret, redirectUri);
const [counter] = await makeWorkers(rp, 1);
const statementsOf: Record<string, number> = {};
for (const [name, operation] of Object.entries(OPERATIONS)) {
  await operation(publicUrl, counter!, rp);
  statements = 0;
  for (let time = 0; time < COUNTED; time += 1) await operation(publicUrl, counter!, rp);
  statementsOf[name] = Math.round((10 * statements) / COUNTED) / 10;
}
await app.close();
await installation.close();

interface Measured {
  readonly perSecond: number;
  readonly serverMs: number;
  readonly postgresMs: number;
}

async function measure(servers: readonly RunningServer[], bases: readonly string[]): Promise<Record<string, Measured>> {
  const postmaster = Number(readFileSync(join(postgresHome(dataDir), 'cluster/postmaster.pid'), 'utf8').split('\n')[0]);
  const workers = await makeWorkers(rp, AT_ONCE);
  const serverCpu = () => servers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
  const results: Record<string, Measured> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const rounds: Measured[] = [];
    for (let time = 0; time < ROUNDS + 1; time += 1) {
      const before = { server: serverCpu(), postgres: postgresCpuSeconds(postmaster) };
      const began = performance.now();
      const until = began + SECONDS * 1000;
      let count = 0;
      await Promise.all(
        workers.map(async (worker, index) => {
          for (let turn = index; performance.now() < until; turn += 1) {
            await operation(bases[turn % bases.length]!, worker, rp);
            count += 1;
          }
        }),
      );
      // The first round warms up.
      if (time === 0) continue;
      rounds.push({
        perSecond: (count * 1000) / (performance.now() - began),
        serverMs: ((serverCpu() - before.server) * 1000) / count,
        postgresMs: ((postgresCpuSeconds(postmaster) - before.postgres) * 1000) / count,
      });
    }
    results[name] = {
      perSecond: rounded(median(rounds.map((each) => each.perSecond)), 0),
      serverMs: rounded(median(rounds.map((each) => each.serverMs))),
      postgresMs: rounded(median(rounds.map((each) => each.postgresMs))),
    };
  }
  return results;
}

const first = await start(ports[0]);
const one = await measure([first], [publicUrl]);
const second = await start(ports[1]);
const two = await measure([first, second], [publicUrl, `http://localhost:${ports[1]}`]);
await second.stop();
await first.stop();
removeDataDir(dataDir);

const reference = one['health (the reference)']!;
const rows = Object.keys(OPERATIONS).map((name) => ({
  operation: name,
  statements: statementsOf[name]!,
  one: one[name]!,
  two: two[name]!,
  cpuAgainstReference: rounded(
    (one[name]!.serverMs + one[name]!.postgresMs) / (reference.serverMs + reference.postgresMs),
    1,
  ),
}));
const results = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
  atOnce: AT_ONCE,
  secondsEach: SECONDS,
  rounds: ROUNDS,
  rows,
};
mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
writeFileSync(join(import.meta.dirname, 'results/oidc.json'), `${JSON.stringify(results, null, 2)}\n`);
process.stdout.write(
  `| operation | SQL | req/s | server ms | PostgreSQL ms | CPU against health | two: req/s | server ms | PostgreSQL ms |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n${rows
    .map(
      ({ operation, statements: sql, one: a, two: b, cpuAgainstReference }) =>
        `| ${operation} | ${sql} | ${a.perSecond} | ${a.serverMs} | ${a.postgresMs} | ${cpuAgainstReference} | ${b.perSecond} | ${b.serverMs} | ${b.postgresMs} |`,
    )
    .join('\n')}\n`,
);
process.exit(0);
