/**
 * Full sign-ins (password, code, code exchange, userinfo) against bare argon2id in the same rounds, with the CPU of every
 * process: `npm run bench:sign-ins` (see README.md).
 */
import { hash } from '@node-rs/argon2';
import { DUBBELSLOT_PASSKEY } from './lib/forms.ts';
import { makeInstallation } from './lib/installation.ts';
import { type Load, type LoadReport, startLoad } from './lib/load-process.ts';
import { median, percentile, rounded, steadyOf } from './lib/numbers.ts';
import { childrenOf, cpuSeconds, memoryMegabytes, postgresCpuSeconds } from './lib/processes.ts';
import { bareHashes, barePasskeys, type Rate } from './lib/references.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const PEOPLE = isSmoke ? 40 : 10_000;
const KEY_HOLDERS = isSmoke ? 20 : 1000;
const ROUNDS = isSmoke ? 1 : 5;
const PER_ROUND = isSmoke ? 10 : 400;
const AT_ONCE = isSmoke ? 2 : 6;
const REFERENCE_SECONDS = isSmoke ? 0.3 : 3;
/** Of which the memory is read. */
const SIGN_INS = isSmoke ? 20 : 10_000;

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
  /** Of the reference. */
  readonly before: Rate;
  readonly after: Rate;
  readonly ours: LoadReport;
  readonly serverCpu: number;
  readonly postgresCpu: number;
}

/** Reference, ours, reference. */
async function measure(by: Load, reference: () => Promise<Rate>): Promise<Round> {
  const before = await reference();
  const began = [cpuSeconds(server.pid), postgresCpuSeconds(postmaster)] as const;
  const ours = await by.signIns(AT_ONCE, PER_ROUND);
  const serverCpu = cpuSeconds(server.pid) - began[0];
  const postgresCpu = postgresCpuSeconds(postmaster) - began[1];
  return { before, after: await reference(), ours, serverCpu, postgresCpu };
}
const agreed = (of: readonly Round[]) => steadyOf(of, ({ before, after }) => [before.perCpuSecond, after.perCpuSecond]);

const memory = (): number => memoryMegabytes([server.pid]);
const idleMemory = memory();
await load.signIns(AT_ONCE, isSmoke ? 4 : 200);

const rounds: Round[] = [];
for (let number = 0; number < ROUNDS; number += 1) {
  rounds.push(await measure(load, () => bareHashes(stored, REFERENCE_SECONDS)));
  process.stderr.write(`round ${number + 1} of ${ROUNDS}\r`);
}
await load.signIns(AT_ONCE, SIGN_INS - ROUNDS * PER_ROUND);
const afterwards = memory();

await passkeys.signIns(AT_ONCE, isSmoke ? 4 : 200);
await barePasskeys(REFERENCE_SECONDS);
const byPasskey: Round[] = [];
for (let number = 0; number < ROUNDS; number += 1)
  byPasskey.push(await measure(passkeys, () => barePasskeys(REFERENCE_SECONDS)));
passkeys.stop();
if (!isSmoke) await new Promise((resolve) => setTimeout(resolve, 60_000));
const later = memory();
const postgresMemory = memoryMegabytes([postmaster, ...childrenOf(postmaster)]);
load.stop();
await server.stop();
installation.remove();

const { over, counted, rounds: roundsKept } = agreed(rounds);
const { over: overKeys, rounds: keyRoundsKept } = agreed(byPasskey);
const each = (seconds: number): number => (seconds * 1000) / PER_ROUND;
const referenceMs = ({ before, after }: Round): number => 2000 / (before.perCpuSecond + after.perCpuSecond);
const latencies = counted.flatMap(({ ours }) => ours.latenciesMs);
const figures = {
  people: PEOPLE,
  atOnce: AT_ONCE,
  signIns: PER_ROUND * ROUNDS,
  rounds: roundsKept,
  signInsPerCpuSecondOfEverythingAgainstBareHashes: over(
    (round) => referenceMs(round) / each(round.serverCpu + round.postgresCpu + round.ours.cpuSeconds),
  ),
  signInsPerCpuSecondOfServerAndPostgresAgainstBareHashes: over(
    (round) => referenceMs(round) / each(round.serverCpu + round.postgresCpu),
  ),
  signInsPerSecondAgainstBareHashes: over(
    ({ ours, before, after }) => (2 * PER_ROUND) / ours.seconds / (before.perSecond + after.perSecond),
  ),
  signInsPerSecond: over(({ ours }) => PER_ROUND / ours.seconds),
  cpuMs: {
    bareHash: over(referenceMs),
    server: over(({ serverCpu }) => each(serverCpu)),
    serverBeyondTheHash: over((round) => each(round.serverCpu) - referenceMs(round)),
    postgres: over(({ postgresCpu }) => each(postgresCpu)),
    loadGenerator: over(({ ours }) => each(ours.cpuSeconds)),
  },
  passkeySignIns: {
    rounds: keyRoundsKept,
    perCpuSecondOfServerAndPostgres: overKeys(({ serverCpu, postgresCpu }) => PER_ROUND / (serverCpu + postgresCpu)),
    perCpuSecondAgainstBareChecks: overKeys((round) => referenceMs(round) / each(round.serverCpu + round.postgresCpu)),
    bareCheckMs: overKeys(referenceMs),
    serverMs: overKeys(({ serverCpu }) => each(serverCpu)),
    postgresMs: overKeys(({ postgresCpu }) => each(postgresCpu)),
    loadGeneratorMs: overKeys(({ ours }) => each(ours.cpuSeconds)),
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
    title: 'Sign-ins by a passkey per CPU second of server and PostgreSQL',
    bars: [
      {
        label: 'passkey',
        value: figures.passkeySignIns.perCpuSecondOfServerAndPostgres.median,
        unit: '',
        floor: 150,
        aim: 250,
      },
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
