import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { type Config, loadConfig } from './config/load.ts';
import { systemRandom } from './core/random.ts';
import { createLog } from './log.ts';
import { failStart, stopOnSignal } from './stopping.ts';

interface Running {
  stop(): Promise<void>;
}

try {
  const config = loadConfig(process.env, systemRandom);
  const log = createLog(config.logLevel);
  const starting = config.workers > 1 && cluster.isPrimary ? watch(config, log) : serve(config, log);
  // Told to stop while it starts, it first gets that far: nothing is left half done, no PostgreSQL running.
  stopOnSignal(async () => (await starting).stop(), log);
  await starting;
} catch (error) {
  failStart(error);
}

/** It only watches: what serves is loaded by those who do. */
async function watch(config: Config, log: Logger): Promise<Running> {
  const { startWorkers } = await import('./workers.ts');
  return startWorkers(config, log);
}

async function serve(config: Config, log: Logger): Promise<Running> {
  const { startServer } = await import('./server.ts');
  const server = await startServer(config, log);
  process.send?.('serves');
  if (cluster.isPrimary || cluster.worker?.id === 1) {
    process.stdout.write(`\nDubbelslot runs at ${config.publicUrl}. Press Ctrl-C to stop.\n`);
    const code = await server.dependencies.administration.inviteFirstAdministrator();
    if (code) {
      process.stdout.write(
        `\nThere is no administrator yet. Create the first one here (works once, for 24 hours):\n  ${config.publicUrl}/setup?code=${code}\n\n`,
      );
    }
  }
  return server;
}
