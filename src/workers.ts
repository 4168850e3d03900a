import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { findDatabase } from './server.ts';

/** How long to wait before another takes the place of a process that died. */
const AGAIN_AFTER_MS = 1000;

/**
 * Several processes that serve on one port, for a machine with more cores than one process can use: each is an instance of
 * its own, and they share the database and nothing else. This one only watches them, and has the embedded PostgreSQL.
 * @throws Fault `bad_configuration` where the first of them cannot start; they have said why
 */
export async function startWorkers(config: Config, log: Logger): Promise<{ stop(): Promise<void> }> {
  const database = await findDatabase(config);
  const running = new Set<Worker>();
  let isStopping = false;
  let isUp = false;

  const stopAll = async (): Promise<void> => {
    isStopping = true;
    await Promise.all(
      [...running].map((worker) => {
        worker.process.kill('SIGTERM');
        return new Promise((resolve) => worker.once('exit', resolve));
      }),
    );
    await database.close();
  };
  /** @returns when it serves; rejects where it ends before that */
  const launch = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = cluster.fork();
      running.add(worker);
      worker.once('message', () => resolve());
      worker.once('exit', (code, signal) => {
        running.delete(worker);
        reject(new Fault('bad_configuration', 'A process ended before it served. What it said stands above.'));
        if (isStopping || !isUp) return;
        log.error({ worker: worker.id, code, signal }, 'a process ended; another takes its place');
        setTimeout(() => isStopping || launch().catch(() => {}), AGAIN_AFTER_MS).unref();
      });
    });

  try {
    // Once, before anybody asks the database.
    await database.migrate();
    await Promise.all(Array.from({ length: config.workers }, launch));
    isUp = true;
    return { stop: stopAll };
  } catch (error) {
    await stopAll();
    throw error;
  }
}
