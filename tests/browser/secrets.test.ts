import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { issuePass, OPERATOR } from '../support/administration.ts';
import { apiProgram } from '../support/api.ts';
import { Laptop } from '../support/laptop.ts';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';
import { enrolCodeApp, givePassword, goOn } from '../support/story.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set({ LOG_LEVEL: 'trace' });
});
afterAll(() => stage?.strike());

/** Whatever is long enough to be a secret, by what it is. */
const secrets = new Map<string, string>();
const keep = (what: string, value: string | null | undefined): void => {
  if (!value || value.length < 10) throw new Error(`${what} is no secret: ${value}`);
  secrets.set(value, what);
};

async function keepCookies(context: BrowserContext): Promise<void> {
  // A choice of language and the like is no secret; a value that is signed is its part before the signature.
  // What names a sign-in stands in its address as well: the signature beside it is what counts.
  for (const { name, value } of await context.cookies())
    if (value.length >= 16 && !['interaction', 'resume'].includes(name))
      keep(`cookie ${name}`, decodeURIComponent(value).split('.')[0]);
}

/** All that is in the database, the short-lived rows too. */
async function everything(): Promise<string> {
  const { sql, query } = stage.installation.d.database;
  const tables = await sql<{ name: string }>`SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`;
  const all = await Promise.all(
    tables.map(async ({ name }) => {
      const rows = await query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`, []);
      return rows.map(({ row }) => `${name} ${row}`).join('\n');
    }),
  );
  return all.join('\n');
}

/** As it is, in an address, in bytes, in base64. */
const shapesOf = (value: string): string[] => [
  value,
  encodeURIComponent(value),
  Buffer.from(value).toString('hex'),
  Buffer.from(value).toString('base64url').replace(/=+$/, ''),
];

it('no log and no row shows a secret of a whole run in browsers', async () => {
  const { installation, rp } = stage;
  const { d } = installation;

  // A phone, by its camera’s address, and a sign-in that it approves.
  const person = await installation.addPerson();
  keep('password', person.password);
  const laptop = await stage.openLaptop();
  const phone = await stage.openPhone();
  await stage.givePassword(laptop, person);
  await laptop.click('form[action$="/enrol"] button');
  await laptop.goto(`${installation.url}/mfa/setup/scan`);
  const link = await readQr(laptop);
  keep('enrolment code', link.split('#e=')[1]);
  await phone.openEnrolmentLink(link);
  await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
  if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications')
    await phone.page.locator('.screen .button').first().click();
  await phone.waitForScreen('added');
  await laptop.click('form[action="/mfa/setup/test"] button');
  await phone.approve((await laptop.textContent('.number'))!);
  await laptop.waitForURL('**/mfa/setup/done');
  for (const code of await laptop.locator('.codes li').allTextContents()) keep('recovery code', code.trim());
  await keepCookies(laptop.context());
  const next = await stage.openLaptop();
  const asked = await stage.givePassword(next, person, { scope: 'openid offline_access', prompt: 'consent' });
  await next.waitForSelector('.number');
  const form = await next.locator('input[name=_csrf]').first().getAttribute('value');
  await phone.approve((await next.textContent('.number'))!);
  await next.waitForSelector('#app');
  keep('authorization code', new URL(next.url()).searchParams.get('code'));
  if (form) keep('form token', form);
  const tokens = await rp.redeem(asked, next.url());
  keep('access token', tokens.access_token);
  keep('ID token', tokens.id_token);
  if (tokens.refresh_token) keep('refresh token', tokens.refresh_token);
  await next.goto(`${installation.url}/mfa`);
  await next.waitForSelector('h1');
  await keepCookies(next.context());
  await keepCookies(phone.page.context());
  const subscription = await phone.page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription())?.toJSON();
  });
  keep('push address', new URL(subscription!.endpoint!).pathname.split('/').at(-1));
  keep('push secret', subscription!.keys!.auth);

  // A code app, a pass, a mailed link, a program, a webhook, a wrong password.
  const other = await installation.addPerson();
  keep('password', other.password);
  const browser = new Laptop();
  await givePassword(browser, rp, other);
  keep('code app’s secret', await enrolCodeApp(browser, installation.url, d.clock.now()));
  await goOn(browser, rp);
  keep('temporary pass', (await issuePass(installation, other.email)).code);
  const forgetful = new Laptop();
  await forgetful.open(`${installation.url}/password/forgotten`);
  await forgetful.submit('/password/forgotten', { email: person.email });
  await d.passwordLinks.settled();
  await expect.poll(() => readdirSync(join(installation.dataDir, 'outbox')).length).toBeGreaterThan(1);
  const outbox = join(installation.dataDir, 'outbox');
  const mails = readdirSync(outbox).map((file) => readFileSync(join(outbox, file), 'utf8').replaceAll('=\r\n', ''));
  for (const mail of mails)
    for (const [, code] of mail.matchAll(/[?&#]code=3?D?([\w-]{20,})/g)) keep('code of a mailed link', code);
  const program = await apiProgram(installation, ['accounts:read', 'webhooks:write']);
  keep('access token of a program', program.token);
  const webhook = await d.webhookCalls.add(
    { url: 'https://siem.example.org/', description: '', events: ['*'] },
    OPERATOR,
  );
  if (webhook.ok) keep('webhook’s secret', webhook.value.secret.replace('whsec_', ''));
  keep('client secret', await installation.addClient({ id: 'geheim', redirectUris: ['https://x.example.org/'] }));
  const wrong = 'een heel verkeerd wachtwoord';
  keep('wrong password', wrong);
  await givePassword(new Laptop(), rp, { email: person.email, password: wrong });
  keep('key of the installation', d.config.secretKeys[0]);
  keep('wrong token', 'geen-echt-token-maar-toch-geheim');
  await fetch(`${installation.url}/api/v1/accounts`, {
    headers: { authorization: 'Bearer geen-echt-token-maar-toch-geheim' },
  });
  await installation.d.linkAudit();

  const kinds = new Set([...secrets.values()].map((what) => what.replace(/^cookie .*/, 'cookie')));
  expect(kinds.size).toBeGreaterThanOrEqual(15);
  const log = installation.logLines.join('');
  const database = await everything();
  expect(log.length).toBeGreaterThan(10_000);
  expect(database).toContain(person.email);
  const found = [...secrets].flatMap(([value, what]) =>
    shapesOf(value).flatMap((shape) => [
      ...(log.includes(shape) ? [`${what} in the log`] : []),
      ...(database.includes(shape)
        ? [
            `${what} in ${database
              .split('\n')
              .find((line) => line.includes(shape))!
              .slice(0, 300)}`,
          ]
        : []),
    ]),
  );
  expect(found).toEqual([]);
}, 240_000);
