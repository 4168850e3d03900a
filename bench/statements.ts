/**
 * Which statements a sign-in takes, request by request: `node bench/statements.ts`. In this process, one after the other;
 * `~` marks those that do not wait for the disk, `!` those that write and do, `s` those that are asked once a second for
 * everybody and not counted.
 */
import pg from 'pg';
import { createApp } from '../src/app.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { totpCode } from '../tests/support/totp.ts';
import { Browser } from './lib/browser.ts';
import { makeInstallation } from './lib/installation.ts';
import { relyingParty } from './lib/relying-party.ts';

const WARM_UP = 3;
const bench = await makeInstallation();
const { application, people } = await bench.furnish(WARM_UP + 1);
const { redirectUri } = application;
const installation = await openInstallation(bench.config, createLog('error'));
const { dependencies: d } = installation;
const app = await createApp(d);
await app.listen({ port: bench.config.port, host: 'localhost' });
const web = await relyingParty(application);

/** The policy, a web app and its secrets, believed for a second. */
const FOR_EVERYBODY = /FROM (client c|policy) /;
let statements: string[] = [];
type Client = { connectionParameters?: { options?: string } };
const send = pg.Client.prototype.query as (this: unknown, ...rest: unknown[]) => unknown;
pg.Client.prototype.query = function (this: Client, ...rest: unknown[]) {
  const text = typeof rest[0] === 'string' ? rest[0] : (rest[0] as { text: string }).text;
  const isRelaxed = this.connectionParameters?.options !== undefined;
  const mark = FOR_EVERYBODY.test(text)
    ? 's'
    : isRelaxed
      ? '~'
      : /^\s*(INSERT|UPDATE|DELETE|WITH|COMMIT)/.test(text)
        ? '!'
        : ' ';
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
    const asked = statements.filter((each) => !each.startsWith('s'));
    totals.statements += asked.length;
    totals.waits += statements.filter((each) => each.startsWith('!')).length;
    console.log(`\n${name}: ${asked.length}`);
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
bench.remove();
