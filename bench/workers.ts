/**
 * What a sign-in costs where several processes serve, against one: `npm run bench:workers`. Where it costs the same, each core
 * adds what the first gave, until the cores or the database end; that can be told on a machine that has no core to add.
 */
import { makeInstallation } from './lib/installation.ts';
import { startLoad } from './lib/load-process.ts';
import { rounded, steadyOf } from './lib/numbers.ts';
import { childrenOf, cpuSeconds, memoryMegabytes, postgresCpuSeconds } from './lib/processes.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const PROCESSES = isSmoke ? [2] : [2, 4];
const ROUNDS = isSmoke ? 1 : 5;
const COUNT = isSmoke ? 6 : 300;
const AT_ONCE = isSmoke ? 2 : 6;
/** Sign-ins before anything is measured, for each process: each compiles for itself. */
const WARM_UP = isSmoke ? 2 : 400;

interface Measured {
  /** Milliseconds for a sign-in. */
  readonly server: number;
  readonly postgres: number;
  readonly perSecond: number;
}

async function serve(processes: number) {
  const installation = await makeInstallation();
  const { application, people } = await installation.furnish(WARM_UP * processes + COUNT * ROUNDS * 2);
  const server = await startServer({ ...installation.environment, WEB_CONCURRENCY: String(processes) });
  const postmaster = installation.postmaster();
  const ours = [server.pid, ...childrenOf(server.pid).filter((pid) => pid !== postmaster)];
  const load = startLoad(application, people);
  const cpu = (): number => ours.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await load.signIns(AT_ONCE, WARM_UP * processes);
  return {
    processes,
    memory: () => memoryMegabytes(ours),
    async measure(): Promise<Measured> {
      const [server, postgres] = [cpu(), postgresCpuSeconds(postmaster)];
      const { seconds } = await load.signIns(AT_ONCE, COUNT);
      return {
        server: ((cpu() - server) * 1000) / COUNT,
        postgres: ((postgresCpuSeconds(postmaster) - postgres) * 1000) / COUNT,
        perSecond: COUNT / seconds,
      };
    },
    async stop() {
      load.stop();
      await server.stop();
      installation.remove();
    },
  };
}

const one = await serve(1);
const several = [];
for (const processes of PROCESSES) several.push(await serve(processes));

const rounds = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const before = await one.measure();
  const others: Measured[] = [];
  for (const each of several) others.push(await each.measure());
  rounds.push({ before, others, after: await one.measure() });
  process.stderr.write(`round ${round + 1} of ${ROUNDS}\r`);
}
const whole = ({ server, postgres }: Measured): number => server + postgres;
const { over, rounds: kept } = steadyOf(rounds, ({ before, after }) => [whole(before), whole(after)]);
const rows = several.map(({ processes, memory }, index) => ({
  processes,
  cpuOfASignInAgainstOneProcess: over(
    ({ before, others, after }) => (2 * whole(others[index]!)) / (whole(before) + whole(after)),
  ),
  signInsPerSecondAgainstOneProcess: over(
    ({ before, others, after }) => (2 * others[index]!.perSecond) / (before.perSecond + after.perSecond),
  ),
  serverMs: over(({ others }) => others[index]!.server),
  postgresMs: over(({ others }) => others[index]!.postgres),
  memoryMegabytes: Math.round(memory()),
}));
const figures = {
  atOnce: AT_ONCE,
  signIns: COUNT,
  rounds: kept,
  oneProcess: {
    serverMs: over(({ before, after }) => (before.server + after.server) / 2),
    postgresMs: over(({ before, after }) => (before.postgres + after.postgres) / 2),
    signInsPerSecond: over(({ before, after }) => (before.perSecond + after.perSecond) / 2),
    memoryMegabytes: Math.round(one.memory()),
  },
  rows,
};
for (const { stop } of [one, ...several]) await stop();
writeReport('workers', figures, [
  {
    title: 'CPU of a sign-in, server and PostgreSQL, against one process',
    bars: rows.map(({ processes, cpuOfASignInAgainstOneProcess: { median } }) => ({
      label: `${processes} processes`,
      value: rounded(median),
      unit: '',
      aim: 1,
    })),
  },
]);
process.exit(0);
