/**
 * The same sign-ins in a young installation and in one of some years, in turn: `npm run bench:growth` (see README.md). Both run at
 * once, on databases of their own; in the grown one 5 million expired rows are swept meanwhile.
 *
 *     node bench/growth.ts [--accounts 1000000] [--events 20000000] [--expired 5000000]
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { findDatabase } from '../src/found-database.ts';
import { type BenchInstallation, makeInstallation } from './lib/installation.ts';
import { startLoad } from './lib/load-process.ts';
import { median, percentile, rounded } from './lib/numbers.ts';
import { cpuSeconds, postgresCpuSeconds } from './lib/processes.ts';
import { writeReport } from './lib/report.ts';
import { type Size, seed } from './lib/seed.ts';
import { startServer } from './lib/server.ts';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    accounts: { type: 'string', default: '1000000' },
    events: { type: 'string', default: '20000000' },
    expired: { type: 'string', default: '5000000' },
  },
});
const isSmoke = values.smoke;
const PEOPLE = isSmoke ? 60 : 2000;
const ROUNDS = isSmoke ? 1 : 6;
const PER_ROUND = isSmoke ? 10 : 300;
const AT_ONCE = isSmoke ? 2 : 3;
const YOUNG: Size = { accounts: 1000, events: 5000, expired: 0 };
const GROWN: Size = isSmoke
  ? { accounts: 2000, events: 10_000, expired: 6000 }
  : { accounts: Number(values.accounts), events: Number(values.events), expired: Number(values.expired) };

async function asOwner<T>(installation: BenchInstallation, work: (url: string) => Promise<T>): Promise<T> {
  const found = await findDatabase(installation.config);
  try {
    return await work(found.ownerUrl);
  } finally {
    await found.close();
  }
}

async function grow(name: string, size: Size) {
  const installation = await makeInstallation();
  const first = await startServer(installation.environment);
  await first.stop();
  const { application, people } = await installation.furnish(PEOPLE);
  const began = performance.now();
  await asOwner(installation, (url) =>
    seed(url, size, (what, done, of) => process.stderr.write(`\r${name}: ${what} ${done} of ${of}          `)),
  );
  process.stderr.write('\r');
  const server = await startServer(installation.environment);
  return {
    name,
    size,
    installation,
    server,
    seedSeconds: (performance.now() - began) / 1000,
    postmaster: installation.postmaster(),
    load: startLoad(application, people),
    latenciesMs: [] as number[],
    serverMs: [] as number[],
    postgresMs: [] as number[],
  };
}

const both = [await grow('young', YOUNG), await grow('grown', GROWN)] as const;
for (const { load } of both) await load.signIns(AT_ONCE, isSmoke ? 4 : 100);
for (let round = 0; round < ROUNDS; round += 1) {
  // Whoever was first is second in the next round.
  for (const each of round % 2 === 0 ? both : both.toReversed()) {
    const before = [cpuSeconds(each.server.pid), postgresCpuSeconds(each.postmaster)] as const;
    const { latenciesMs } = await each.load.signIns(AT_ONCE, PER_ROUND);
    each.latenciesMs.push(...latenciesMs);
    each.serverMs.push(((cpuSeconds(each.server.pid) - before[0]) * 1000) / PER_ROUND);
    each.postgresMs.push(((postgresCpuSeconds(each.postmaster) - before[1]) * 1000) / PER_ROUND);
    process.stderr.write(`\rround ${round + 1} of ${ROUNDS}   `);
  }
}
const [young, grown] = both;
const left = await asOwner(grown.installation, async (url) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ left: number; megabytes: number }>(
    `SELECT (SELECT count(*)::int FROM oidc_payload WHERE expires_at < now() - interval '1 hour') AS left,
      (pg_database_size(current_database()) / 1e6)::int AS megabytes`,
  );
  await client.end();
  return rows[0]!;
});
for (const { load, server, installation } of both) {
  load.stop();
  await server.stop();
  installation.remove();
}

const shown = (each: (typeof both)[number]) => ({
  ...each.size,
  latencyMs: {
    p50: rounded(median(each.latenciesMs)),
    p95: rounded(percentile(each.latenciesMs, 0.95)),
    p99: rounded(percentile(each.latenciesMs, 0.99)),
  },
  serverMs: rounded(median(each.serverMs)),
  postgresMs: rounded(median(each.postgresMs)),
});
const ratio = (share: number): number =>
  rounded(percentile(grown.latenciesMs, share) / percentile(young.latenciesMs, share), 3);
writeReport(
  'growth',
  {
    atOnce: AT_ONCE,
    signInsEach: PER_ROUND * ROUNDS,
    young: shown(young),
    grown: {
      ...shown(grown),
      megabytes: left.megabytes,
      expiredLeft: left.left,
      seedSeconds: Math.round(grown.seedSeconds),
    },
    grownAgainstYoung: { p50: ratio(0.5), p95: ratio(0.95), p99: ratio(0.99) },
  },
  [
    {
      title: 'p95 of a sign-in, grown against young (at most 1.2)',
      bars: [{ label: 'p95', value: ratio(0.95), unit: 'times', floor: 1.2 }],
    },
  ],
);
process.exit(0);
