import cluster, { type Worker } from 'node:cluster';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { findDatabase } from './found-database.ts';
import type { MetricsListener } from './observe/listener.ts';

/** Of each process beside its pools: it listens for signals, and shows that it is there. */
const OTHER_CONNECTIONS = 2;
/** Of `max_connections` (`store/embedded.ts`), some for the command line. */
const MOST_EMBEDDED = 110;
/** Connections that wait here are given to the processes for so long, before these are told to stop. */
const HAND_OVER_MS = 100;
/** How long to wait before another takes the place of a process that died. */
const AGAIN_AFTER_MS = 1000;

/**
 * Several processes that serve on one port, for a machine with more cores than one process can use: each is an instance of
 * its own, and they share the database and nothing else. This one only watches them, and has the embedded PostgreSQL.
 * @throws Fault `bad_configuration` where the first of them cannot start; they have said why
 */
export async function startWorkers(config: Config, log: Logger): Promise<{ stop(): Promise<void> }> {
  const connections = config.workers * (Math.ceil(config.databasePool * 1.5) + OTHER_CONNECTIONS);
  if (config.databaseUrl === undefined && connections > MOST_EMBEDDED)
    throw new Fault(
      'bad_configuration',
      `WEB_CONCURRENCY=${config.workers} with DATABASE_POOL=${config.databasePool} takes ${connections} connections; the embedded PostgreSQL has ${MOST_EMBEDDED}. Lower one of them.`,
    );
  const database = await findDatabase(config);
  const running = new Set<Worker>();
  let isStopping = false;
  let isUp = false;
  let figures: MetricsListener | undefined;

  const stopAll = async (): Promise<void> => {
    isStopping = true;
    await wait(HAND_OVER_MS);
    await Promise.all(
      [...running].map((worker) => {
        worker.process.kill('SIGTERM');
        return new Promise((resolve) => worker.once('exit', resolve));
      }),
    );
    await figures?.close();
    await database.close();
  };
  /** @returns when it serves; rejects where it ends before that */
  const launch = (): Promise<void> =>
    new Promise((resolve, reject) => {
      let isReplaced = false;
      const replace = (): void => {
        if (isReplaced || isStopping || !(isUp || hasServed)) return;
        isReplaced = true;
        again();
      };
      let hasServed = false;
      const worker = cluster.fork();
      running.add(worker);
      worker.on('message', (said) => {
        if (said !== 'serves') return;
        hasServed = true;
        resolve();
      });
      worker.on('error', reject);
      worker.once('exit', (code, signal) => {
        running.delete(worker);
        reject(new Fault('bad_configuration', 'A process ended before it served. What it said stands above.'));
        if (!isStopping) log.error({ worker: worker.id, code, signal }, 'a process ended; another takes its place');
        replace();
      });
    });
  const again = (): void => {
    // What keeps this process going where all of them have died.
    setTimeout(() => {
      if (isStopping) return;
      launch().catch((error: unknown) => {
        // One that started and ended is replaced by its own end.
        if (error instanceof Fault) return;
        log.error({ err: error }, 'a process could not be started');
        again();
      });
    }, AGAIN_AFTER_MS);
  };

  try {
    // Once, before anybody asks the database.
    await database.migrate();
    figures = config.metrics && (await (await import('./observing.ts')).serveMetricsOfWorkers(config.metrics, log));
    await Promise.all(Array.from({ length: config.workers }, launch));
    isUp = true;
    return { stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
