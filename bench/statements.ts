/**
 * Which statements a sign-in takes, request by request: `node bench/statements.ts`. In this process, one after the other;
 * `~` marks those that do not wait for the disk, `!` those that write and do.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createApp } from '../src/app.ts';
import { loadConfig } from '../src/config/load.ts';
import { systemRandom } from '../src/core/random.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { removeDataDir } from '../tests/support/data-dir.ts';
import { freePort } from '../tests/support/ports.ts';
import { totpCode } from '../tests/support/totp.ts';
import { Browser } from './lib/browser.ts';
import { addPeople } from './lib/people.ts';
import { relyingParty } from './lib/relying-party.ts';

const WARM_UP = 3;
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;
const port = await freePort();
const issuer = `http://localhost:${port}`;
const redirectUri = `http://localhost:${await freePort()}/callback`;
const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-bench-'));
const config = loadConfig(
  { DATA_DIR: dataDir, PUBLIC_URL: issuer, PORT: String(port), LOG_LEVEL: 'warn' },
  systemRandom,
);
const installation = await openInstallation(config, createLog('error'));
const { dependencies: d } = installation;
const registered = await d.clientRegistration.register({ id: 'web', redirectUris: [redirectUri] }, BY);
if (!registered.ok) throw new Error('the web app was refused');
const people = await addPeople(config, d.database.url, WARM_UP + 1, () => {});
const app = await createApp(d);
await app.listen({ port, host: 'localhost' });
const web = await relyingParty({ issuer, clientId: 'web', secret: registered.value!, redirectUri });

let statements: string[] = [];
type Client = { connectionParameters?: { options?: string } };
const send = pg.Client.prototype.query as (this: unknown, ...rest: unknown[]) => unknown;
pg.Client.prototype.query = function (this: Client, ...rest: unknown[]) {
  const text = typeof rest[0] === 'string' ? rest[0] : (rest[0] as { text: string }).text;
  const isRelaxed = this.connectionParameters?.options !== undefined;
  const mark = isRelaxed ? '~' : /^\s*(INSERT|UPDATE|DELETE|WITH|COMMIT)/.test(text) ? '!' : ' ';
  statements.push(`${mark} ${text.replace(/\s+/g, ' ')}`);
  return send.apply(this, rest);
} as never;

const totals = { statements: 0, waits: 0 };
async function step<T>(name: string, isShown: boolean, work: () => Promise<T>): Promise<T> {
  statements = [];
  const result = await work();
  // What was not waited for.
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (isShown) {
    totals.statements += statements.length;
    totals.waits += statements.filter((each) => each.startsWith('!')).length;
    console.log(`\n${name}: ${statements.length}`);
    for (const each of statements) console.log(`  ${each.slice(0, 150)}`);
  }
  return result;
}

for (const [index, person] of people.entries()) {
  const isShown = index === WARM_UP;
  const browser = new Browser();
  const request = web.request();
  await step('authorize, and the page', isShown, () => browser.open(request.url, redirectUri));
  const { email, password, totp } = person;
  await step('password, and the next page', isShown, () =>
    browser.submit('/password', { email, password }, redirectUri),
  );
  const landed = await step('code, up to the web app', isShown, () =>
    browser.submit('/code', { code: totpCode(totp, new Date()) }, redirectUri),
  );
  await step('tokens and userinfo', isShown, () => web.finish(request, landed, 'urn:dubbelslot:acr:mfa'));
}
console.log(`\n${totals.statements} statements, ${totals.waits} of them wait for the disk`);
await app.close();
await installation.close();
removeDataDir(dataDir);
