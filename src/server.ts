import cluster from 'node:cluster';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import type { Config } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { createDependencies, type Dependencies } from './dependencies.ts';
import { findDatabase } from './found-database.ts';
import { createServers } from './http/servers.ts';
import { startJobs } from './jobs.ts';

/** What every entrance needs first: a database, brought up to date, and everything that is made on it. */
export async function openInstallation(
  config: Config,
  log: Logger,
): Promise<{ dependencies: Dependencies; close(): Promise<void> }> {
  const database = await findDatabase(config);
  const { databaseUrl, ownerUrl } = database;
  try {
    const applied = await database.migrate();
    if (applied.length > 0) log.info({ migrations: applied }, 'database brought up to date');
    const dependencies = await createDependencies({ config, databaseUrl, ownerUrl, log });
    return {
      dependencies,
      async close() {
        await dependencies.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

export interface RunningServer {
  readonly app: FastifyInstance;
  readonly dependencies: Dependencies;
  /** Finishes what is going on, then lets go of everything. */
  stop(): Promise<void>;
}

export async function startServer(config: Config, log: Logger): Promise<RunningServer> {
  const { dependencies, close } = await openInstallation(config, log);
  const servers = createServers();
  const app = await createApp(dependencies, servers);
  app.addHook('preClose', async () => {
    const cut = await servers.drain();
    if (cut > 0) log.warn({ connections: cut }, 'what did not end was cut');
  });
  try {
    await servers.listen(app, config);
  } catch (error) {
    await app.close();
    await close();
    if ((error as { code?: string }).code === 'EADDRINUSE') {
      throw new Fault(
        'port_in_use',
        `Port ${config.port} is in use by another program. Stop that, or set PORT to another one.`,
        { cause: error },
      );
    }
    throw error;
  }
  const { metrics } = dependencies;
  // Of several processes the one that watches them listens.
  const figures =
    config.metrics && metrics && !cluster.isWorker
      ? await (await import('./observing.ts'))
          .serveMetrics(config.metrics, metrics, log)
          .catch(async (error: unknown) => {
            await app.close();
            await close();
            throw error;
          })
      : undefined;
  const jobs = startJobs(dependencies);
  return {
    app,
    dependencies,
    async stop() {
      await app.close();
      await figures?.close();
      await jobs.stop();
      await close();
    },
  };
}
