import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createDependencies } from '../../src/dependencies.ts';
import { findDatabase } from '../../src/found-database.ts';
import { startJobs } from '../../src/jobs.ts';
import { createLog } from '../../src/log.ts';

/**
 * The server as a process that may be killed, with what a setting may never be: a push service of the test's, and a clock
 * that its parent sets (seconds ahead, by message).
 */
let ahead = 0;
process.on('message', (seconds: number) => {
  ahead = seconds;
});
const clock = { now: () => new Date(Date.now() + ahead * 1000) };

const config = loadConfig(process.env, systemRandom);
const database = await findDatabase(config);
await database.migrate();
const d = await createDependencies({
  config,
  databaseUrl: database.databaseUrl,
  ownerUrl: database.ownerUrl,
  log: createLog(config.logLevel),
  clock,
  testPushOrigin: process.env.TEST_PUSH_ORIGIN!,
});
const app = await createApp(d);
await app.listen({ port: config.port, host: 'localhost' });
startJobs(d);
process.stdout.write(`ready at ${join(config.dataDir)}\n`);
