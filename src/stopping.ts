import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { Fault } from './core/errors.ts';
import { stopTracing } from './observe/trace.ts';

/** Runs until Ctrl-C or a supervisor's SIGTERM; a second one ends it at once. */
export function stopOnSignal(stop: () => Promise<void>, log: Logger): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Of several processes each hears what a terminal sends to all of them, and then it again from the one that watches.
      if (isStopping && cluster.isPrimary) process.exit(1);
      if (isStopping) return;
      isStopping = true;
      stop()
        .then(stopTracing)
        .then(
          () => process.exit(0),
          (error: unknown) => {
            log.fatal({ err: error }, 'could not stop cleanly');
            process.exit(1);
          },
        );
    });
  }
}

/** A fault is told in its own words; anything else with everything we know. */
export function failStart(error: unknown): never {
  const text = error instanceof Fault ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`\nDubbelslot could not start.\n${text}\n`);
  process.exit(1);
}
