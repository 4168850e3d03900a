import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { loadConfig } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { systemRandom } from './core/random.ts';
import type { Dependencies } from './dependencies.ts';
import { createLog } from './log.ts';
import { startServer } from './server.ts';
import { failStart, stopOnSignal } from './stopping.ts';

/** A trial on one's own machine: the server, an example web app, two employees. Its data are apart, in data/demo. */
const ROOT = join(import.meta.dirname, '..');
const WEB_APP = process.env.DEMO_APP_URL ?? 'http://localhost:3001';
const BY = { actor: 'demo', origin: 'system', authority: { kind: 'operator' } } as const;

interface Person {
  readonly email: string;
  readonly displayName: string;
  readonly password: string;
}

const PEOPLE = [
  { name: 'medewerker', role: null },
  { name: 'collega', role: null },
  { name: 'beheerder', role: 'owner' },
] as const;

/** Their passwords are made up once, for this machine alone, and kept so that the next start can tell them. */
async function keptPeople(d: Dependencies, file: string): Promise<Person[]> {
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Person[]) : [];
  const people: Person[] = [];
  for (const { name, role } of PEOPLE) {
    const email = `${name}@example.org`;
    const person = known.find((each) => each.email === email) ?? {
      email,
      displayName: `Voorbeeld ${name}`,
      password: d.administration.madeUpPassword(),
    };
    if (!known.includes(person)) {
      const added = await d.administration.addAccount({ ...person, role }, BY);
      if (!added.ok && added.refusal.code === 'account_exists')
        await d.administration.setPassword(person.email, person.password, BY);
    }
    people.push(person);
  }
  writeFileSync(file, JSON.stringify(people, null, 2), { mode: 0o600 });
  return people;
}

/** @throws Error where the example web app's port is somebody else's */
async function checkPort(address: string): Promise<void> {
  const { hostname, port } = new URL(address);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(
        new Fault(
          'port_in_use',
          `Port ${port} is in use by another program. Give the example web app another: DEMO_APP_URL=http://localhost:3002 npm run demo`,
        ),
      ),
    );
    server.listen(Number(port), hostname, () => server.close(() => resolve()));
  });
}

/** As root, the database's own folder is elsewhere: `postgres` in DATA_DIR leads there. */
const folders = (dataDir: string): string =>
  [dataDir, realpathSync(join(dataDir, 'postgres'))]
    .filter((path, index) => index === 0 || !path.startsWith(dataDir))
    .join('\n                              and ');

try {
  const config = loadConfig(
    {
      DATA_DIR: join(ROOT, 'data/demo'),
      ORGANISATION: 'Voorbeeldorganisatie',
      LOG_LEVEL: 'warn',
      ADMIN_ACR: 'mfa',
      ...process.env,
    },
    systemRandom,
  );
  await checkPort(WEB_APP);
  const log = createLog(config.logLevel);
  const server = await startServer(config, log);
  const { dependencies: d } = server;
  const [employee, colleague, owner] = (await keptPeople(d, join(config.dataDir, 'people.json'))).map(
    ({ email, password }) => `${email}   ${password}`,
  );
  const registered = await d.clientRegistration.register(
    {
      id: 'example-web-app',
      name: 'Voorbeeld-app',
      redirectUris: [`${WEB_APP}/callback`],
      postLogoutRedirectUris: [`${WEB_APP}/`],
      grants: ['refresh'],
    },
    BY,
  );
  const webApp = spawn(process.execPath, [join(ROOT, 'examples/web-app/server.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ISSUER: config.publicUrl,
      CLIENT_ID: 'example-web-app',
      CLIENT_SECRET: registered.ok ? registered.value : '',
      APP_URL: WEB_APP,
    },
  });
  stopOnSignal(async () => {
    webApp.kill('SIGTERM');
    await server.stop();
  }, log);
  webApp.once('exit', (code) => {
    if (code)
      void server.stop().finally(() => failStart(new Error(`The example web app stopped (exit code ${code}).`)));
  });

  process.stdout.write(`
Dubbelslot runs, with an example web app, two employees and an owner. Press Ctrl-C to stop.

  1. Open the web app:        ${WEB_APP}
  2. Sign in as:              ${employee}
     or:                      ${colleague}
  3. "Meer informatie vereist": follow the steps. Your phone is a second window:
     open the companion app:  ${config.publicUrl}/app
     (in a private window or another browser; a real phone needs https and a name that it can reach)
  4. Sign out in the web app, sign in again, and approve in the companion app.

  The console                 ${config.publicUrl}/admin
  as its owner:               ${owner}
  The command line            DATA_DIR=${relative(process.cwd(), config.dataDir) || '.'} PUBLIC_URL=${config.publicUrl} npm run cli -- --help

  Mails are written to        ${join(config.dataDir, 'outbox')}
  To start afresh             stop, then remove ${folders(config.dataDir)}
`);
} catch (error) {
  failStart(error);
}
