import { parse } from 'csv-parse/sync';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../src/core/permissions.ts';
import { changeAccount, OPERATOR, resetAccount } from '../support/administration.ts';
import { type ApiClient, apiPerson, apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { MailServer } from '../support/mail-server.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, givePassword } from '../support/story.ts';
import { WebServer } from '../support/web-server.ts';

let mails: MailServer;
let installation: TestInstallation;
let owner: ApiClient;
let program: ApiClient;
let rp: RelyingParty;
let person: Enrolled;
let web: WebServer;

beforeAll(async () => {
  mails = await MailServer.start();
  web = await WebServer.start();
  installation = await startInstallation({
    API_CALLS_PER_MINUTE: '100000',
    SMTP_URL: mails.url,
    ALERTS: 'failures=6/10, failures_of_account=4/10, reset_spree=3/60, many_enrolments=1000/1, push_bombing=2/60',
  });
  owner = (await apiPerson(installation, 'owner')).api;
  program = await apiProgram(installation, PERMISSIONS);
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterEach(async () => {
  web.received.length = 0;
  web.status = 200;
  installation.clock.reset();
  await installation.d.database.sql`DELETE FROM webhook`;
  await installation.d.database.sql`DELETE FROM challenge`;
});
afterAll(async () => {
  await installation.close();
  await mails.close();
  web.close();
});

const add = async (events: string[], path = '/hook') => {
  const made = await owner.post('/webhooks', { url: web.origin + path, events, description: 'test' });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body as { webhook: { id: string }; secret: string };
};
const touch = (groups: string[]) => changeAccount(installation, person.accountId, { groups });
const deliveries = async (id: string, state = '') =>
  (await owner.get(`/webhooks/${id}/deliveries${state && `?state=${state}`}`)).body.items;

describe('a webhook', () => {
  it('hears of what it asked for, once, signed so that a library of others believes it', async () => {
    const { webhook, secret } = await add(['account.*', 'alert.raised']);
    await touch([`een-${Date.now()}`]);
    await installation.addClient({ id: 'silent', redirectUris: ['https://silent.example.org/'] });
    await expect.poll(() => web.received.length, { timeout: 5000 }).toBe(1);
    const { body, headers } = web.received[0]!;
    const seen = new Webhook(secret).verify(body, headers as Record<string, string>) as Record<string, never>;
    expect(seen).toMatchObject({ type: 'account.changed', data: { object: `account:${person.accountId}` } });
    expect(() =>
      new Webhook(secret).verify(body.replace('account', 'acc0unt'), headers as Record<string, string>),
    ).toThrow();
    await expect.poll(async () => (await deliveries(webhook.id))[0]?.state).toBe('delivered');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(web.received).toHaveLength(1);
    const stored = JSON.stringify(await installation.d.database.sql`SELECT * FROM webhook`);
    expect(stored).not.toContain(secret.slice(8));
  });

  it('that fails is tried again for a day, given up as dead, and sent again by hand', async () => {
    web.status = 500;
    const { webhook } = await add(['account.changed']);
    await touch([`twee-${Date.now()}`]);
    await expect
      .poll(
        async () => {
          installation.clock.advance(13 * 3600);
          await installation.d.webhookCalls.deliver();
          return (await installation.d.webhooks.deliveries({ webhookId: webhook.id, state: 'dead' }, 5)).length;
        },
        { timeout: 30_000 },
      )
      .toBe(1);
    installation.clock.reset();
    const [dead] = await deliveries(webhook.id, 'dead');
    expect(dead).toMatchObject({ attempts: 10, lastError: 'status 500' });
    expect((await installation.d.auditStore.list({ action: 'webhook.gave_up', limit: 1 }))[0]!.detail).toMatchObject({
      why: 'status 500',
    });
    web.status = 200;
    expect((await owner.post(`/webhooks/${webhook.id}/deliveries/${dead.id}/redeliver`)).status).toBe(202);
    await expect.poll(async () => (await deliveries(webhook.id, 'delivered')).length, { timeout: 5000 }).toBe(1);
    expect((await owner.post(`/webhooks/${webhook.id}/deliveries/${dead.id}/redeliver`)).status).toBe(404);
  });

  it('that says 410 wants nothing more; one that is switched off, or inside the network, is not called', async () => {
    web.status = 410;
    const gone = await add(['account.changed']);
    await touch([`drie-${Date.now()}`]);
    await expect
      .poll(async () => (await owner.get(`/webhooks/${gone.webhook.id}`)).body.disabledAt, { timeout: 5000 })
      .not.toBeNull();
    web.received.length = 0;
    await touch([`vier-${Date.now()}`]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(web.received).toEqual([]);

    const closed = await startInstallation({ PUBLIC_URL: 'https://login.example.org' });
    const added = await closed.d.webhookCalls.add(
      { url: `${web.origin}/inside`, description: '', events: ['*'] },
      OPERATOR,
    );
    if (!added.ok) throw new Error(added.refusal.code);
    await expect
      .poll(async () => (await closed.d.webhooks.deliveries({}, 1))[0]?.lastError, { timeout: 5000 })
      .toBe('private address');
    expect(web.received).toEqual([]);
    await closed.close();
  });

  it('is tried by a ping, changed by one at a time, gets a new secret, and goes with what it was owed', async () => {
    const { webhook, secret } = await add(['*']);
    web.received.length = 0;
    const { body } = await owner.post(`/webhooks/${webhook.id}/ping`);
    await expect
      .poll(() => web.received.some(({ body: sent }) => sent.includes('webhook.ping')), { timeout: 5000 })
      .toBe(true);
    expect(web.received.find(({ headers }) => headers['webhook-id'] === body.deliveryId)).toBeDefined();
    const etag = (await owner.get(`/webhooks/${webhook.id}`)).headers.get('etag')!;
    const change = (more: object) => owner.call('PATCH', `/webhooks/${webhook.id}`, more, { 'if-match': etag });
    expect((await change({ isDisabled: true })).body.disabledAt).not.toBeNull();
    expect((await change({ isDisabled: false })).status).toBe(412);
    expect((await owner.post(`/webhooks/${webhook.id}/secret`)).body.secret).not.toBe(secret);
    expect((await owner.call('DELETE', `/webhooks/${webhook.id}`)).status).toBe(204);
    expect((await owner.get(`/webhooks/${webhook.id}/deliveries`)).status).toBe(404);
    for (const url of ['ftp://x.example.org/', 'https://user:pw@x.example.org/', 'x', 'javascript:alert(1)'])
      expect((await owner.post('/webhooks', { url, events: ['*'] })).status, url).toBe(422);
    for (const events of [[], ['nothing'], ["x.y' OR '1"]])
      expect((await owner.post('/webhooks', { url: 'https://x.example.org/', events })).status).toBe(400);
  });
});

describe('what looks like abuse', () => {
  const open = async () =>
    (await owner.get('/alerts?open=true')).body.items as {
      id: string;
      kind: string;
      subject: string;
      count: number;
      runbook: string;
    }[];
  const fail = async (email: string, times: number) => {
    for (let n = 0; n < times; n += 1) await givePassword(new Laptop(), rp, { email, password: 'wrong' });
  };

  it('is told once to those who administer, by mail and webhook, with what to do, until somebody looked into it', async () => {
    const { secret } = await add(['alert.raised']);
    await fail(person.email, 4);
    await installation.d.alertWatch.look();
    const [alert] = (await open()).filter(({ kind }) => kind === 'failures_of_account');
    expect(alert).toMatchObject({ subject: `account:${person.accountId}`, count: 4 });
    expect(alert!.runbook).toContain('Call its owner');
    const mail = await mails.next('person1@example.org', 'Veel mislukte aanmeldingen bij één account');
    expect(mail.text).toContain(person.email);
    expect(mail.text).toContain('Bel de eigenaar');
    await expect.poll(() => web.received.length, { timeout: 5000 }).toBeGreaterThan(0);
    expect(
      new Webhook(secret).verify(web.received[0]!.body, web.received[0]!.headers as Record<string, string>),
    ).toMatchObject({ type: 'alert.raised' });
    await installation.d.alertWatch.look();
    expect((await open()).filter(({ kind }) => kind === 'failures_of_account')).toHaveLength(1);
    expect(mails.to('person1@example.org').filter(({ subject }) => subject?.includes('één account'))).toHaveLength(0);

    expect((await program.post(`/alerts/${alert!.id}/acknowledge`, { note: 'x' })).status).toBe(400);
    const done = await program.post(`/alerts/${alert!.id}/acknowledge`, { note: 'a forgotten password' });
    expect(done.body).toMatchObject({
      note: 'a forgotten password',
      acknowledgedBy: expect.stringContaining('client:'),
    });
    expect((await program.post(`/alerts/${alert!.id}/acknowledge`, { note: 'again' })).status).toBe(404);
    // What was looked into is not raised again.
    await installation.d.alertWatch.look();
    expect((await open()).filter(({ kind }) => kind === 'failures_of_account')).toHaveLength(0);
  });

  it.each([
    ['failures', () => fail('nobody@example.org', 7)],
    [
      'reset_spree',
      async () => {
        for (let n = 0; n < 3; n += 1) await resetAccount(installation, (await installation.addPerson()).email);
      },
    ],
    [
      'push_bombing',
      async () => {
        const other = await addEnrolledPerson(installation, new Laptop(), rp);
        for (let n = 0; n < 2; n += 1) await givePassword(new Laptop(), rp, other);
      },
    ],
    ['new_administrator', () => changeAccount(installation, person.accountId, { role: 'auditor' })],
  ])('%s is noticed', async (kind, happens) => {
    await happens();
    await installation.d.alertWatch.look();
    expect((await open()).map((each) => each.kind)).toContain(kind);
  });

  it('logging that stands still is noticed too', async () => {
    const kinds = async () => (await installation.d.alertWatch.list(true, 50)).map(({ kind }) => kind);
    await installation.d.alertWatch.look();
    expect(await kinds()).not.toContain('logging_disabled');
    // Somebody holds what the chain needs, for ten minutes.
    await installation.d.database.transaction(async (sql) => {
      await sql`SELECT pg_advisory_xact_lock(7238004)`;
      await touch([`stil-${Date.now()}`]);
      installation.clock.advance(600);
      await installation.d.alertWatch.look();
    });
    expect(await kinds()).toContain('logging_disabled');
  });

  it('is looked for by one instance at a time, and sent by none twice', async () => {
    await installation.d.database.sql`DELETE FROM alert`;
    await fail('somebody@example.org', 7);
    await Promise.all(Array.from({ length: 6 }, () => installation.d.alertWatch.look()));
    const raised = (await open()).filter(({ kind }) => kind === 'failures');
    expect(raised).toHaveLength(1);
  });
});

describe('coverage', () => {
  it('says who has nothing, one thing, a silent phone, no codes; by group, as CSV, and day by day', async () => {
    const { sql } = installation.d.database;
    const none = await installation.addPerson('zonder@example.org');
    const silent = await addEnrolledPerson(installation, new Laptop(), rp);
    await sql`UPDATE authenticator SET last_used_at = now() - interval '61 days', created_at = now() - interval '90 days' WHERE account_id = ${silent.accountId}`;
    const bare = await addEnrolledPerson(installation, new Laptop(), rp);
    await sql`UPDATE recovery_code SET used_at = now() WHERE authenticator_id IN (SELECT id FROM authenticator WHERE account_id = ${bare.accountId})`;
    for (const id of [none.account.id, silent.accountId, bare.accountId])
      await changeAccount(installation, id, { groups: ['dekking'] });
    const { body } = await program.get('/coverage');
    expect(body.items[0].group).toBeNull();
    const mine = body.items.find(({ group }: { group: string }) => group === 'dekking');
    expect(mine).toEqual({ group: 'dekking', people: 3, without: 1, oneOnly: 2, silentPhone: 1, noCodes: 1 });
    const gaps = (await program.get('/coverage/people?group=dekking')).body.items;
    expect(Object.fromEntries(gaps.map((p: { email: string; gaps: string[] }) => [p.email, p.gaps]))).toEqual({
      'zonder@example.org': ['without'],
      [silent.email]: ['one_only', 'silent_phone'],
      [bare.email]: ['one_only', 'no_codes'],
    });
    expect((await program.get('/coverage/people?gap=silent_phone&group=dekking')).body.items).toHaveLength(1);
    await changeAccount(installation, none.account.id, { displayName: '=HYPERLINK("http://evil.example","x")' });
    const csv = String((await program.get('/coverage/people.csv?group=dekking')).body);
    const rows = parse(csv, { columns: true }) as Record<string, string>[];
    expect(rows).toHaveLength(3);
    expect(rows.find(({ email }) => email === 'zonder@example.org')!.name).toBe(
      `'=HYPERLINK("http://evil.example","x")`,
    );
    await installation.d.coverage.keepToday();
    await installation.d.coverage.keepToday();
    const history = (await program.get('/coverage/history?group=dekking')).body.items;
    expect(history).toEqual([
      { day: new Date().toISOString().slice(0, 10), people: 3, without: 1, oneOnly: 2, silentPhone: 1, noCodes: 1 },
    ]);
    await changeAccount(installation, none.account.id, { status: 'suspended' });
    expect(
      (await program.get('/coverage')).body.items.find(({ group }: { group: string }) => group === 'dekking').people,
    ).toBe(2);
  });
});
