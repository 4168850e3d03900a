import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createDependencies, type Dependencies } from '../../src/dependencies.ts';
import type { ClientToAdd } from '../../src/flow/clients.ts';
import { startJobs } from '../../src/jobs.ts';
import { createLog } from '../../src/log.ts';
import type { Account, Role } from '../../src/store/accounts.ts';
import { OPERATOR } from './administration.ts';
import { makeDatabase } from './database.ts';
import { freePort } from './ports.ts';

/** Time that a test can move. It goes on by itself, from wherever it was put. */
export class MovableClock implements Clock {
  #offsetMs = 0;
  now(): Date {
    return new Date(Date.now() + this.#offsetMs);
  }
  reset(): void {
    this.#offsetMs = 0;
  }
  advance(seconds: number): void {
    this.#offsetMs += seconds * 1000;
  }
}

export interface TestInstallation {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly d: Dependencies;
  readonly clock: MovableClock;
  readonly dataDir: string;
  /** Of the role that owns the tables, for a command that is run beside the server. */
  readonly ownerUrl: string;
  /** Every line that was logged. */
  readonly logLines: string[];
  addPerson(
    email?: string,
    more?: { role?: Role; locale?: 'nl' | 'en' },
  ): Promise<{ account: Account; email: string; password: string }>;
  addClient(client: ClientToAdd): Promise<string>;
  close(): Promise<void>;
}

let people = 0;

/** A whole server on a database of its own, listening on localhost. */
export async function startInstallation(
  environment: Record<string, string> = {},
  options: { testPushOrigin?: string; databaseUrl?: string; testFetch?: typeof fetch } = {},
): Promise<TestInstallation> {
  const database = options.databaseUrl ? undefined : await makeDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-data-'));
  const port = Number(environment.PORT ?? (await freePort()));
  const config = loadConfig(
    { PORT: String(port), DATA_DIR: dataDir, ORGANISATION: 'Voorbeeldorganisatie', LOG_LEVEL: 'debug', ...environment },
    systemRandom,
  );
  const clock = new MovableClock();
  const logLines: string[] = [];
  const log = createLog(config.logLevel, {
    write(line: string) {
      logLines.push(line);
      // What the server calls its own mistake is worth seeing beside a failed test.
      if (/^{"level":[56]0/.test(line)) process.stderr.write(line);
    },
  });
  const d = await createDependencies({
    config,
    databaseUrl: options.databaseUrl ?? database!.url,
    ownerUrl: database?.ownerUrl,
    log,
    clock,
    ...(options.testFetch ? { testFetch: options.testFetch } : {}),
    ...(options.testPushOrigin ? { testPushOrigin: options.testPushOrigin } : {}),
  });
  const app = await createApp(d);
  await app.listen({ port, host: 'localhost' });
  const jobs = startJobs(d);
  return {
    url: config.publicUrl,
    app,
    d,
    clock,
    dataDir,
    ownerUrl: database?.ownerUrl ?? options.databaseUrl!,
    logLines,
    async addPerson(email, more = {}) {
      people += 1;
      const password = d.administration.madeUpPassword();
      const added = await d.administration.addAccount(
        { email: email ?? `person${people}@example.org`, displayName: 'Test Persoon', password, ...more },
        OPERATOR,
      );
      if (!added.ok) throw new Error(added.refusal.code);
      return { account: added.value, email: added.value.email, password };
    },
    async addClient(client) {
      const registered = await d.clientRegistration.register({ name: 'Test-app', ...client }, OPERATOR);
      if (!registered.ok) throw new Error(registered.mistakes.map(({ name }) => name).join(' '));
      return registered.value ?? '';
    },
    async close() {
      await app.close();
      await jobs.stop();
      await d.close();
      await database?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** As if nobody had ever written a policy. */
export async function forgetPolicies({ d }: TestInstallation): Promise<void> {
  await d.database.sql`DELETE FROM policy`;
  d.policies.forget();
}
