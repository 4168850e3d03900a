import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { AggregatorRegistry } from 'prom-client';
import packageJson from '../package.json' with { type: 'json' };
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { PasswordHasher } from './crypto/password-hash.ts';
import { listenForMetrics, type MetricsListener } from './observe/listener.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import type { Database } from './store/database.ts';
import type { Stores } from './stores.ts';

type Where = NonNullable<Config['metrics']>;

/** The figures of this process. Loaded, as all of this file, only where somebody reads them. */
export function openMetrics(n: {
  database: Database;
  stores: Stores;
  hasher: PasswordHasher;
  clock: Clock;
  log: Logger;
}): Metrics {
  const metrics = createMetrics({
    version: packageJson.version,
    worker: cluster.worker && String(cluster.worker.id),
    onFault: (err, name) => n.log.warn({ err, name }, 'could not read a figure'),
  });
  if (cluster.isWorker) {
    AggregatorRegistry.setRegistries([metrics.registry]);
    // Making one is what lets this process answer the one that asks (prom-client's cluster mode).
    new AggregatorRegistry();
  }
  const pool = (read: (pool: ReturnType<Database['pools']>[number]) => [state: string, value: number][]) => () =>
    n.database
      .pools()
      .flatMap((each) => read(each).map(([state, value]) => ({ labels: { pool: each.pool, state }, value })));
  metrics.watch(
    {
      name: 'dubbelslot_database_connections',
      help: 'Connections to the database. relaxed: for what need not wait for the disk.',
      labels: ['pool', 'state'],
    },
    pool(({ open, idle }) => [
      ['busy', open - idle],
      ['idle', idle],
    ]),
  );
  metrics.watch(
    {
      name: 'dubbelslot_database_waiting',
      help: 'Statements that wait for a connection.',
      labels: ['pool', 'state'],
    },
    pool(({ waiting }) => [['waiting', waiting]]),
  );
  metrics.watch({ name: 'dubbelslot_passwords_waiting', help: 'Passwords that wait to be hashed.' }, n.hasher.waiting);
  // Two figures are of the same answer, which is asked for once each time that Prometheus comes.
  let asked: ReturnType<typeof n.stores.queues.depths> | undefined;
  const queues = () => {
    asked ??= n.stores.queues.depths(n.clock.now()).finally(() => (asked = undefined));
    return asked;
  };
  metrics.watch(
    {
      name: 'dubbelslot_queue_depth',
      help: 'What waits to be done beside requests. audit: events without their place in the chain.',
      labels: ['queue'],
      of: 'installation',
    },
    async () => (await queues()).map(({ queue, waiting }) => ({ labels: { queue }, value: waiting })),
  );
  metrics.watch(
    {
      name: 'dubbelslot_queue_oldest_seconds',
      help: 'How long the oldest in each queue has waited.',
      labels: ['queue'],
      of: 'installation',
    },
    async () => (await queues()).map(({ queue, oldestSeconds }) => ({ labels: { queue }, value: oldestSeconds })),
  );
  metrics.watch(
    { name: 'dubbelslot_alerts_open', help: 'Alerts that nobody has looked into.', of: 'installation' },
    n.stores.alerts.countOpen,
  );
  metrics.watch(
    {
      name: 'dubbelslot_people',
      help: 'People who may sign in, by how they are covered, as kept each four hours.',
      labels: ['covered'],
      of: 'installation',
    },
    async () => {
      const day = new Date(n.clock.now().getTime() - 2 * 86_400_000).toISOString().slice(0, 10);
      const last = (await n.stores.coverageStore.days('', day)).at(-1);
      if (!last) return [];
      return [
        { labels: { covered: 'yes' }, value: last.people - last.without },
        { labels: { covered: 'no' }, value: last.without },
      ];
    },
  );
  return metrics;
}

/** Listens for Prometheus, where one process serves alone. */
export const serveMetrics = (where: Where, metrics: Metrics, log: Logger): Promise<MetricsListener> =>
  listenForMetrics(where, async () => ({
    type: metrics.registry.contentType,
    text: await metrics.registry.metrics().catch((error: unknown) => {
      log.warn({ err: error }, 'could not read the figures');
      throw error;
    }),
  }));

/** Listens for Prometheus in the process that watches the others, and puts together what they say. */
export async function serveMetricsOfWorkers(where: Where, log: Logger): Promise<MetricsListener> {
  const all = new AggregatorRegistry();
  return listenForMetrics(where, async () => ({
    type: all.contentType,
    text: await all.clusterMetrics().catch((error: unknown) => {
      log.warn({ err: error }, 'a process did not tell its figures');
      throw error;
    }),
  }));
}
