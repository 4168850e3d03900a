/**
 * What web apps ask once somebody is signed in, here and at oidc-provider alone, in turn, with the CPU of server and PostgreSQL
 * and how many SQL statements each takes: `npm run bench:oidc` (see README.md).
 */
import pg from 'pg';
import { createApp } from '../src/app.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { DUBBELSLOT, type Forms, PLAIN_LIBRARY } from './lib/forms.ts';
import { makeInstallation } from './lib/installation.ts';
import { rounded, steadyOf } from './lib/numbers.ts';
import type { Person } from './lib/people.ts';
import { startPlainProvider } from './lib/plain.ts';
import { cpuSeconds, postgresCpuSeconds } from './lib/processes.ts';
import { API, type Operation, protocolAt, type Visitor } from './lib/protocol.ts';
import type { Application } from './lib/relying-party.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SECONDS = isSmoke ? 0.2 : 2;
const WARM_UP_SECONDS = isSmoke ? 0.2 : 6;
const ROUNDS = isSmoke ? 1 : 5;
const AT_ONCE = isSmoke ? 2 : 8;
const COUNTED = 20;
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;
/** Requests per CPU second of server and PostgreSQL. */
const WANTED: Readonly<Record<string, { floor: number; aim: number }>> = {
  'client credentials, opaque': { floor: 1500, aim: 2500 },
  refresh: { floor: 800, aim: 1200 },
  introspection: { floor: 1200, aim: 1800 },
};

const installation = await makeInstallation();
const { application: first, people } = await installation.furnish(AT_ONCE + 1);

/** A web app that may do all of it; and, one after the other in this process, how many statements each takes. */
async function prepare(): Promise<{ application: Application; statements: Readonly<Record<string, number>> }> {
  const { dependencies: d, close } = await openInstallation(installation.config, createLog('error'));
  const registered = await d.clientRegistration.register(
    {
      id: 'app',
      redirectUris: [first.redirectUri],
      grants: ['refresh', 'client-credentials'],
      resources: [{ uri: API, scopes: ['read'], format: 'jwt' }],
    },
    BY,
  );
  if (!registered.ok) throw new Error(registered.mistakes.join(' '));
  const application = { ...first, clientId: 'app', secret: registered.value ?? '' };

  const app = await createApp(d);
  await app.listen({ port: Number(installation.environment.PORT), host: 'localhost' });
  let asked = 0;
  const { query } = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
  (pg.Client.prototype as unknown as { query: typeof query }).query = function (this: unknown, ...args) {
    asked += 1;
    return query.apply(this, args);
  };
  const { operations, signIn } = await protocolAt(application, DUBBELSLOT);
  const visitor = await signIn(people.at(-1)!);
  const statements: Record<string, number> = {};
  for (const [name, operation] of Object.entries(operations)) {
    await operation(visitor);
    asked = 0;
    for (let time = 0; time < COUNTED; time += 1) await operation(visitor);
    statements[name] = rounded(asked / COUNTED, 1);
  }
  await app.close();
  await close();
  return { application, statements };
}

interface Cost {
  readonly perSecond: number;
  readonly serverMs: number;
  readonly postgresMs: number;
}

interface Side {
  readonly operations: Readonly<Record<string, Operation>>;
  measure(operation: string, seconds: number): Promise<Cost>;
}

/** @param cpu seconds of the server and of PostgreSQL */
async function sideAt(
  application: Application,
  forms: Forms,
  who: readonly Person[],
  cpu: () => readonly [server: number, postgres: number],
): Promise<Side> {
  const { operations, signIn } = await protocolAt(application, forms);
  const visitors: Visitor[] = [];
  for (const person of who.slice(0, AT_ONCE)) visitors.push(await signIn(person));
  return {
    operations,
    async measure(name, seconds) {
      const before = cpu();
      const began = performance.now();
      let count = 0;
      const client = async (visitor: Visitor): Promise<void> => {
        while (performance.now() - began < seconds * 1000) {
          await operations[name]!(visitor);
          count += 1;
        }
      };
      await Promise.all(visitors.map(client));
      const [server, postgres] = cpu();
      return {
        perSecond: (count * 1000) / (performance.now() - began),
        serverMs: ((server - before[0]) * 1000) / count,
        postgresMs: ((postgres - before[1]) * 1000) / count,
      };
    },
  };
}

interface Round {
  readonly before: Cost;
  readonly ours: Cost;
  readonly after: Cost;
}
const { application, statements } = await prepare();
const server = await startServer(installation.environment);
const postmaster = installation.postmaster();
const plain = await startPlainProvider();
const ours = await sideAt(application, DUBBELSLOT, people, () => [
  cpuSeconds(server.pid),
  postgresCpuSeconds(postmaster),
]);
const library = await sideAt(plain.application, PLAIN_LIBRARY, people, () => [cpuSeconds(plain.pid), 0]);

const rows = [];
// All of ours before any is measured: what they share would be compiled while the first is.
for (const operation of Object.keys(ours.operations)) await ours.measure(operation, WARM_UP_SECONDS);
for (const operation of Object.keys(ours.operations)) {
  for (const side of [library, ours]) await side.measure(operation, WARM_UP_SECONDS);
  const rounds: Round[] = [];
  for (let number = 0; number < ROUNDS; number += 1) {
    const before = await library.measure(operation, SECONDS);
    rounds.push({
      before,
      ours: await ours.measure(operation, SECONDS),
      after: await library.measure(operation, SECONDS),
    });
  }
  const { over, rounds: kept } = steadyOf(rounds, ({ before, after }) => [before.serverMs, after.serverMs]);
  const libraryMs = ({ before, after }: Round): number => (before.serverMs + after.serverMs) / 2;
  const oursMs = ({ ours: { serverMs, postgresMs } }: Round): number => serverMs + postgresMs;
  rows.push({
    operation,
    statements: statements[operation]!,
    rounds: kept,
    perSecond: over((round) => round.ours.perSecond, 0),
    perCpuSecond: over((round) => 1000 / oursMs(round), 0),
    serverMs: over((round) => round.ours.serverMs, 2),
    postgresMs: over((round) => round.ours.postgresMs, 2),
    libraryMs: over(libraryMs, 2),
    libraryPerCpuSecond: over((round) => 1000 / libraryMs(round), 0),
    againstLibrary: over((round) => libraryMs(round) / oursMs(round), 2),
  });
}
plain.stop();
await server.stop();
installation.remove();

writeReport('oidc', { atOnce: AT_ONCE, secondsEach: SECONDS, rows }, [
  {
    title: 'Requests per CPU second of server and PostgreSQL',
    bars: rows.map(({ operation, perCpuSecond }) => ({
      label: operation,
      value: perCpuSecond.median,
      unit: '',
      ...WANTED[operation],
    })),
  },
  {
    title: 'The same against oidc-provider alone, which keeps nothing',
    bars: rows.map(({ operation, againstLibrary }) => ({ label: operation, value: againstLibrary.median, unit: '' })),
  },
]);
process.exit(0);
