import cluster from 'node:cluster';
import { loadConfig } from './config/load.ts';
import { systemRandom } from './core/random.ts';
import { createLog } from './log.ts';
import { failStart, stopOnSignal } from './stopping.ts';

try {
  const config = loadConfig(process.env, systemRandom);
  const log = createLog(config.logLevel);
  if (config.workers > 1 && cluster.isPrimary) {
    // It only watches: what serves is loaded by those who do.
    const { startWorkers } = await import('./workers.ts');
    stopOnSignal((await startWorkers(config, log)).stop, log);
  } else {
    const { startServer } = await import('./server.ts');
    const server = await startServer(config, log);
    stopOnSignal(server.stop, log);
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
  }
} catch (error) {
  failStart(error);
}
