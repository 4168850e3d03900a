/**
 * Sign-ins here and at another OpenID provider, by the same clients, in turn: `npm run bench:side-by-side`. Without more, the
 * other is oidc-provider alone, in memory. Any other:
 *
 *     node bench/side-by-side.ts other.json
 *
 * with `{ "application": { "issuer", "clientId", "secret", "redirectUri" }, "forms": { "steps": [{ "action", "fields" }], "acr" },
 * "people": [{ "email", "password", "totp" }], "pids": [..] }`: see lib/forms.ts; `pids` are the processes whose CPU counts.
 */
import { readFileSync } from 'node:fs';
import { DUBBELSLOT, type Forms, PLAIN_LIBRARY } from './lib/forms.ts';
import { makeInstallation } from './lib/installation.ts';
import { startLoad } from './lib/load-process.ts';
import { median, percentile, rounded } from './lib/numbers.ts';
import type { Person } from './lib/people.ts';
import { startPlainProvider } from './lib/plain.ts';
import { cpuSeconds, postgresCpuSeconds } from './lib/processes.ts';
import type { Application } from './lib/relying-party.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const COUNT = isSmoke ? 6 : 300;
const ROUNDS = isSmoke ? 1 : 5;
const AT_ONCE = isSmoke ? 2 : 6;

interface Contestant {
  readonly name: string;
  readonly application: Application;
  readonly forms: Forms;
  readonly people: readonly Person[];
  /** Of all its processes. */
  cpu(): number;
  stop(): Promise<void>;
}

async function ours(): Promise<Contestant> {
  const installation = await makeInstallation();
  const furnished = await installation.furnish(COUNT * (ROUNDS + 1));
  const server = await startServer(installation.environment);
  const postmaster = installation.postmaster();
  return {
    name: 'Dubbelslot: argon2id, code, audit, fsync',
    ...furnished,
    forms: DUBBELSLOT,
    cpu: () => cpuSeconds(server.pid) + postgresCpuSeconds(postmaster),
    async stop() {
      await server.stop();
      installation.remove();
    },
  };
}

async function plainLibrary(people: readonly Person[]): Promise<Contestant> {
  const { application, pid, stop } = await startPlainProvider();
  return {
    name: 'oidc-provider alone, in memory',
    application,
    forms: PLAIN_LIBRARY,
    people,
    cpu: () => cpuSeconds(pid),
    stop: async () => stop(),
  };
}

function another(file: string): Contestant {
  const given = JSON.parse(readFileSync(file, 'utf8')) as Pick<Contestant, 'application' | 'forms' | 'people'> & {
    pids: number[];
  };
  return {
    name: given.application.issuer,
    ...given,
    cpu: () => given.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    stop: async () => {},
  };
}

const file = process.argv.slice(2).find((word) => !word.startsWith('--'));
const first = await ours();
const second = file ? another(file) : await plainLibrary(first.people);
const contestants = [first, second].map((each) => ({
  ...each,
  load: startLoad(each.application, each.people, each.forms),
  perSecond: [] as number[],
  cpuMs: [] as number[],
  latencies: [] as number[],
}));
for (const { load } of contestants) await load.signIns(AT_ONCE, COUNT);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const each of contestants) {
    const before = each.cpu();
    const { seconds, latenciesMs } = await each.load.signIns(AT_ONCE, COUNT);
    each.cpuMs.push(((each.cpu() - before) * 1000) / COUNT);
    each.perSecond.push(COUNT / seconds);
    each.latencies.push(...latenciesMs);
  }
}
const rows = contestants.map(({ name, perSecond, cpuMs, latencies }) => ({
  name,
  signInsPerSecond: rounded(median(perSecond)),
  cpuMsPerSignIn: rounded(median(cpuMs)),
  latencyMs: { p50: rounded(median(latencies)), p99: rounded(percentile(latencies, 0.99)) },
}));
for (const { load, stop } of contestants) {
  load.stop();
  await stop();
}
writeReport('side-by-side', { atOnce: AT_ONCE, signIns: COUNT * ROUNDS, rows }, [
  {
    title: 'CPU of one sign-in, all processes of the provider',
    bars: rows.map(({ name, cpuMsPerSignIn }) => ({ label: name, value: cpuMsPerSignIn, unit: 'ms' })),
  },
]);
process.exit(0);
