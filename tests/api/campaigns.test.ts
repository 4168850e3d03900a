import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { type ApiClient, apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, enrolPhone, givePassword } from '../support/story.ts';

let mails: MailServer;
let installation: TestInstallation;
let api: ApiClient;
let rp: RelyingParty;

beforeAll(async () => {
  mails = await MailServer.start();
  installation = await startInstallation({ SMTP_URL: mails.url });
  api = await apiProgram(installation, ['campaigns:write', 'coverage:read']);
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterEach(() => installation.clock.reset());
afterAll(async () => {
  await installation.close();
  await mails.close();
});

const dayIn = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const join = async (id: string, group: string) => {
  const changed = await installation.d.people.change(id, { groups: [group] }, OPERATOR);
  if (!changed.ok) throw new Error(changed.refusal.code);
};
const remind = (): Promise<number> => installation.d.campaigning.remind();

describe('an enrolment campaign', () => {
  it('reminds those without a second factor, as often as it says, until they have one or it is over', async () => {
    const covered = await addEnrolledPerson(installation, new Laptop(), rp);
    const late = await installation.addPerson();
    const soon = await installation.addPerson();
    const elsewhere = await installation.addPerson();
    for (const { id } of [{ id: covered.accountId }, late.account, soon.account]) await join(id, 'financiën');
    await join(elsewhere.account.id, 'anders');
    const started = await api.post('/campaigns', {
      name: 'Najaar',
      group: 'financiën',
      startsOn: dayIn(0),
      deadline: dayIn(20),
      remindEveryDays: 7,
    });
    expect(started.status).toBe(201);
    const { id } = started.body;
    await installation.d.coverage.keepToday();
    // Every instance looks at the same moment: each person is written to once.
    const counts = await Promise.all(Array.from({ length: 5 }, remind));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
    const mail = await mails.next(late.email, dayIn(20).split('-').reverse().join('-'));
    expect(linkIn(mail, '/mfa')).toBe(`${installation.url}/mfa`);
    const others = [...mails.to(covered.email), ...mails.to(elsewhere.email)];
    expect(others.filter(({ subject }) => subject?.includes('tweede factor'))).toEqual([]);

    installation.clock.advance(6 * 86_400);
    expect(await remind()).toBe(0);
    installation.clock.reset();
    // One of them sets it up.
    const laptop = new Laptop();
    await givePassword(laptop, rp, soon);
    await enrolPhone(laptop, installation.url);
    installation.clock.advance(7 * 86_400 + 60);
    await installation.d.coverage.keepToday();
    expect(await remind()).toBe(1);
    installation.clock.reset();
    expect(await api.get(`/campaigns/${id}`)).toMatchObject({
      status: 200,
      body: {
        people: 3,
        without: 1,
        mails: 3,
        reminded: 2,
        days: [
          { day: dayIn(0), people: 3, without: 2 },
          { day: dayIn(7), people: 3, without: 1 },
        ],
      },
    });
    // After the last day nobody is written to, though somebody is left.
    installation.clock.advance(21 * 86_400);
    expect(await remind()).toBe(0);
    installation.clock.reset();
    expect((await api.post(`/campaigns/${id}/end`)).body).toMatchObject({ isRunning: false });
    expect((await api.post(`/campaigns/${id}/end`)).status).toBe(409);
    installation.clock.advance(14 * 86_400);
    expect(await remind()).toBe(0);
    const { sql } = installation.d.database;
    const events = await sql<{
      action: string;
    }>`SELECT DISTINCT action FROM audit_event WHERE object = ${`campaign:${id}`}`;
    expect(events.map(({ action }) => action).sort()).toEqual([
      'campaign.ended',
      'campaign.reminded',
      'campaign.started',
    ]);
  });

  it.each([
    ['a last day before the first', { startsOn: dayIn(3), deadline: dayIn(1) }, 422],
    ['a last day that is past', { startsOn: dayIn(-9), deadline: dayIn(-2) }, 422],
    ['more than a year', { startsOn: dayIn(0), deadline: dayIn(500) }, 422],
    ['a day that is none', { startsOn: '2027-02-31', deadline: dayIn(9) }, 400],
    ['reminders each second', { remindEveryDays: 0.00001 }, 400],
    ['a field that is not known', { createdBy: 'cli' }, 400],
  ])('is not started with %s', async (_what, more, status) => {
    const whole = { name: 'Fout', startsOn: dayIn(0), deadline: dayIn(9), ...more };
    expect((await api.post('/campaigns', whole)).status).toBe(status);
    expect((await api.get('/campaigns/00000000-0000-4000-8000-000000000000')).status).toBe(404);
  });
});
