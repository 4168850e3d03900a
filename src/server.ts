import cluster from 'node:cluster';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import type { Config } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { createDependencies, type Dependencies } from './dependencies.ts';
import { startJobs } from './jobs.ts';
import { stopTracing } from './observe/trace.ts';
import { openEmbeddedDatabase } from './store/embedded.ts';
import { migrate } from './store/migrate.ts';

const MIGRATIONS = join(import.meta.dirname, '../migrations');

/** A database as it is found. */
export interface FoundDatabase {
  readonly databaseUrl: string;
  /** As the owner of the tables. */
  readonly ownerUrl: string;
  /** Brings it up to date, or to what a backup was made with. @returns the names of the migrations applied now */
  migrate(only?: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

export async function findDatabase(config: Config): Promise<FoundDatabase> {
  const embedded = config.databaseUrl ? undefined : await openEmbeddedDatabase(config.dataDir);
  const databaseUrl = config.databaseUrl ?? embedded!.url;
  const ownerUrl = config.databaseOwnerUrl ?? config.databaseUrl ?? embedded!.ownerUrl;
  const { username: owner } = new URL(ownerUrl);
  const { username: server } = new URL(databaseUrl);
  const role = owner === server ? undefined : decodeURIComponent(server);
  return {
    databaseUrl,
    ownerUrl,
    // Only what is complete is given to the server.
    migrate: (only) => migrate(ownerUrl, MIGRATIONS, only ? undefined : role, only),
    close: async () => embedded?.close(),
  };
}

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
  const app = await createApp(dependencies);
  try {
    await app.listen({ port: config.port, host: config.host });
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
