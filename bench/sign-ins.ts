/**
 * Full sign-ins (password, code, code exchange, userinfo) against bare argon2id in the same rounds, with the CPU of every
 * process: `npm run bench:sign-ins` (see README.md).
 */
import { hash } from '@node-rs/argon2';
import { DUBBELSLOT_PASSKEY } from './lib/forms.ts';
import { bareHashes, type HashRate } from './lib/hashes.ts';
import { makeInstallation } from './lib/installation.ts';
import { type LoadReport, startLoad } from './lib/load-process.ts';
import { MOST_DRIFT, median, percentile, rounded } from './lib/numbers.ts';
import { childrenOf, cpuSeconds, memoryMegabytes, postgresCpuSeconds } from './lib/processes.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const PEOPLE = isSmoke ? 40 : 10_000;
const KEY_HOLDERS = isSmoke ? 20 : 1000;
const ROUNDS = isSmoke ? 1 : 5;
const PER_ROUND = isSmoke ? 10 : 400;
const AT_ONCE = isSmoke ? 2 : 6;
const HASH_SECONDS = isSmoke ? 0.3 : 3;

const installation = await makeInstallation();
const first = await startServer(installation.environment);
await first.stop();
const { application, people, keyHolders } = await installation.furnish(PEOPLE, KEY_HOLDERS);
const server = await startServer(installation.environment);
const postmaster = installation.postmaster();
const load = startLoad(application, people);
const passkeys = startLoad(application, keyHolders, DUBBELSLOT_PASSKEY);
const stored = await hash('a password', { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 });

interface Round {
  readonly before: HashRate;
  readonly after: HashRate;
  readonly ours: LoadReport;
  readonly serverCpu: number;
  readonly postgresCpu: number;
}

const memory = (): number => memoryMegabytes([server.pid]);
const idleMemory = memory();
await load.signIns(AT_ONCE, isSmoke ? 4 : 200);

const rounds: Round[] = [];
for (let number = 0; number < ROUNDS; number += 1) {
  const before = await bareHashes(stored, HASH_SECONDS);
  const began = [cpuSeconds(server.pid), postgresCpuSeconds(postmaster)] as const;
  const ours = await load.signIns(AT_ONCE, PER_ROUND);
  const serverCpu = cpuSeconds(server.pid) - began[0];
  const postgresCpu = postgresCpuSeconds(postmaster) - began[1];
  const after = await bareHashes(stored, HASH_SECONDS);
  rounds.push({ before, after, ours, serverCpu, postgresCpu });
  process.stderr.write(`round ${number + 1} of ${ROUNDS}\r`);
}
const isSteady = ({ before, after }: Round): boolean =>
  Math.abs(before.perCpuSecond - after.perCpuSecond) <= MOST_DRIFT * before.perCpuSecond;
const kept = rounds.filter(isSteady);
const counted = kept.length > 0 ? kept : rounds;
const afterwards = memory();

/** A passkey and nothing else: no hash, so per CPU second of everything. */
await passkeys.signIns(AT_ONCE, isSmoke ? 4 : 200);
const byPasskey: { server: number; postgres: number; load: number }[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const began = [cpuSeconds(server.pid), postgresCpuSeconds(postmaster)] as const;
  const { cpuSeconds: loadCpu } = await passkeys.signIns(AT_ONCE, PER_ROUND);
  byPasskey.push({
    server: (cpuSeconds(server.pid) - began[0]) / PER_ROUND,
    postgres: (postgresCpuSeconds(postmaster) - began[1]) / PER_ROUND,
    load: loadCpu / PER_ROUND,
  });
}
passkeys.stop();
if (!isSmoke) await new Promise((resolve) => setTimeout(resolve, 60_000));
const later = memory();
const postgresMemory = memoryMegabytes([postmaster, ...childrenOf(postmaster)]);
load.stop();
await server.stop();
installation.remove();

const over = (pick: (round: Round) => number): { median: number; spread: [number, number] } => {
  const values = counted.map(pick);
  return {
    median: rounded(median(values), 3),
    spread: [rounded(Math.min(...values), 3), rounded(Math.max(...values), 3)],
  };
};
const each = (seconds: number): number => (seconds * 1000) / PER_ROUND;
const hashCpuMs = ({ before, after }: Round): number => 2000 / (before.perCpuSecond + after.perCpuSecond);
const latencies = counted.flatMap(({ ours }) => ours.latenciesMs);
const figures = {
  people: PEOPLE,
  atOnce: AT_ONCE,
  signIns: PER_ROUND * ROUNDS,
  rounds: { kept: kept.length, of: ROUNDS },
  signInsPerCpuSecondOfEverythingAgainstBareHashes: over(
    (round) => hashCpuMs(round) / each(round.serverCpu + round.postgresCpu + round.ours.cpuSeconds),
  ),
  signInsPerCpuSecondOfServerAndPostgresAgainstBareHashes: over(
    (round) => hashCpuMs(round) / each(round.serverCpu + round.postgresCpu),
  ),
  signInsPerSecondAgainstBareHashes: over(
    ({ ours, before, after }) => (2 * PER_ROUND) / ours.seconds / (before.perSecond + after.perSecond),
  ),
  signInsPerSecond: over(({ ours }) => PER_ROUND / ours.seconds),
  cpuMs: {
    bareHash: over(hashCpuMs),
    server: over(({ serverCpu }) => each(serverCpu)),
    serverBeyondTheHash: over((round) => each(round.serverCpu) - hashCpuMs(round)),
    postgres: over(({ postgresCpu }) => each(postgresCpu)),
    loadGenerator: over(({ ours }) => each(ours.cpuSeconds)),
  },
  passkeySignIns: {
    perCpuSecondOfServerAndPostgres: rounded(
      median(byPasskey.map(({ server, postgres }) => 1 / (server + postgres))),
      1,
    ),
    serverMs: rounded(median(byPasskey.map((each) => each.server * 1000))),
    postgresMs: rounded(median(byPasskey.map((each) => each.postgres * 1000))),
    loadGeneratorMs: rounded(median(byPasskey.map((each) => each.load * 1000))),
  },
  latencyMs: {
    p50: rounded(median(latencies)),
    p95: rounded(percentile(latencies, 0.95)),
    p99: rounded(percentile(latencies, 0.99)),
  },
  startToReadyMs: { firstEver: Math.round(first.startMs), existingDatabase: Math.round(server.startMs) },
  memoryMegabytes: {
    idle: Math.round(idleMemory),
    after: Math.round(afterwards),
    aMinuteLater: Math.round(later),
    postgres: Math.round(postgresMemory),
  },
};
const { cpuMs } = figures;
writeReport('sign-ins', figures, [
  {
    title: 'Sign-ins per CPU second of everything, against bare hashes',
    bars: [
      {
        label: 'full sign-in',
        value: figures.signInsPerCpuSecondOfEverythingAgainstBareHashes.median,
        unit: '',
        floor: 0.5,
        aim: 0.7,
      },
    ],
  },
  {
    title: 'CPU of one sign-in',
    bars: [
      { label: 'a bare hash', value: cpuMs.bareHash.median, unit: 'ms' },
      { label: 'server beyond the hash', value: cpuMs.serverBeyondTheHash.median, unit: 'ms', floor: 6, aim: 3.5 },
      { label: 'PostgreSQL', value: cpuMs.postgres.median, unit: 'ms', aim: 1.5 },
      { label: 'load generator', value: cpuMs.loadGenerator.median, unit: 'ms' },
    ],
  },
  {
    title: 'Memory of the server',
    bars: [
      { label: 'idle', value: figures.memoryMegabytes.idle, unit: 'MB', floor: 150, aim: 110 },
      { label: 'after the sign-ins', value: figures.memoryMegabytes.after, unit: 'MB', floor: 250, aim: 170 },
      { label: 'a minute later', value: figures.memoryMegabytes.aMinuteLater, unit: 'MB', floor: 250, aim: 170 },
    ],
  },
  {
    title: 'Start to ready',
    bars: [
      { label: 'existing database', value: figures.startToReadyMs.existingDatabase, unit: 'ms', floor: 1500, aim: 800 },
      { label: 'first start ever', value: figures.startToReadyMs.firstEver, unit: 'ms', floor: 5000, aim: 3000 },
    ],
  },
]);
