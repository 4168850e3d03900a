import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusedLinesCsv } from '../../src/flow/csv-files.ts';
import { entraGroupOf } from '../../src/flow/entra-report.ts';
import type { ImportJob } from '../../src/store/imports.ts';
import { OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolPhone, givePassword } from '../support/story.ts';

let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation.close());

async function take(text: string): Promise<ImportJob> {
  const { importing } = installation.d;
  const what = { name: 'report.csv', isDryRun: false, isInviting: false, may: () => true, isMine: true };
  const uploaded = await importing.upload(
    (async function* () {
      yield Buffer.from(text);
    })(),
    what,
    OPERATOR,
  );
  if (!uploaded.ok) throw new Error(uploaded.refusal.code);
  await importing.work({ id: uploaded.value.id });
  return (await importing.look(uploaded.value.id))!;
}
const counts = ({ added, changed, unchanged, refused }: ImportJob) => [added, changed, unchanged, refused];
const groupsOf = async (name: string) => (await installation.d.accounts.byEmail(`${name}@example.org`))?.groups;

/** As the names of Microsoft Graph's `userRegistrationDetails` are written into a table. */
const HEADER =
  'id,userPrincipalName,userDisplayName,userType,isAdmin,isSsprRegistered,isMfaRegistered,methodsRegistered,defaultMfaMethod\n';
const line = (name: string, methods: string, userType = 'member') =>
  `00000000-0000-4000-8000-${name.padStart(12, '0')},${name}@Example.org,Persoon ${name},${userType},False,True,True,"${methods}",push\n`;

describe('what somebody used at Microsoft Entra', () => {
  for (const [methods, group] of [
    ['mobilePhone,microsoftAuthenticatorPush,softwareOneTimePasscode', 'entra-app'],
    ['microsoftAuthenticatorPasswordless', 'entra-app'],
    ['Microsoft Authenticator app (push notification)', 'entra-app'],
    ['Passwordless phone sign-in', 'entra-app'],
    ['externalAuthMethod', 'entra-app'],
    ['Third-party authenticator app', 'entra-code'],
    ['passKeyDeviceBoundAuthenticator', 'entra-key'],
    ['windowsHelloForBusiness,mobilePhone', 'entra-key'],
    ['fido2SecurityKey', 'entra-key'],
    ['softwareOneTimePasscode;email', 'entra-code'],
    ['Authenticator app or hardware token - code', 'entra-code'],
    ['officePhone | alternateMobilePhone', 'entra-phone'],
    ['sms', 'entra-phone'],
    ['email,securityQuestion,temporaryAccessPass,qrCode,appPassword', 'entra-none'],
    ['', 'entra-none'],
    ['System.String[]', undefined],
  ] as const)
    it(`${methods || 'nothing'} is ${group ?? 'not said'}`, () => expect(entraGroupOf(methods)).toBe(group));
});

describe('a registration report of Microsoft Entra', () => {
  const report =
    HEADER +
    line('1', 'microsoftAuthenticatorPush,mobilePhone') +
    line('2', 'mobilePhone') +
    line('3', '') +
    line('gast', 'mobilePhone', 'Guest') +
    line('4', 'System.String[]');

  it('is read as it is: people by name, guests left out, what they used as a group', async () => {
    const job = await take(report);
    expect(counts(job)).toEqual([3, 0, 0, 2]);
    expect(await installation.d.accounts.byEmail('1@example.org')).toMatchObject({
      displayName: 'Persoon 1',
      groups: ['entra-app'],
      role: null,
    });
    expect([await groupsOf('2'), await groupsOf('3'), await groupsOf('gast')]).toEqual([
      ['entra-phone'],
      ['entra-none'],
      undefined,
    ]);
    const lines = await installation.d.importing.lines(job.id, 'refused', 10);
    expect(lines.map((each) => [each.line, each.code, each.field])).toEqual([
      [5, 'guest_left_out', null],
      [6, 'value_unknown', 'entra_methods'],
    ]);
  });

  it('moves people between its own groups when it comes again, and touches no other', async () => {
    expect(counts(await take(report))).toEqual([0, 0, 3, 2]);
    const account = (await installation.d.accounts.byEmail('2@example.org'))!;
    await installation.d.people.change(account.id, { groups: ['zaken', 'entra-phone', 'golf-1'] }, OPERATOR);
    expect(counts(await take(report))).toEqual([0, 0, 3, 2]);
    expect(counts(await take(HEADER + line('2', 'fido2SecurityKey')))).toEqual([0, 1, 0, 0]);
    expect(await groupsOf('2')).toEqual(['zaken', 'golf-1', 'entra-key']);
  });

  it('can be put right and sent again, only what was refused', async () => {
    const job = await take(HEADER + line('5', 'System.String[]'));
    let file = '';
    for await (const part of refusedLinesCsv(installation.d.importing, job.id, () => 'why')) file += part;
    expect(file).toContain('email,name,entra_user_type');
    expect(counts(await take(file.replace('System.String[]', 'mobilePhone')))).toEqual([1, 0, 0, 0]);
    expect(await groupsOf('5')).toEqual(['entra-phone']);
  });
});

describe('cohorts', () => {
  const wishes = { prefix: 'golf', sizes: [2, 3] };
  const shape = async () =>
    (await installation.d.cohorts.plan(wishes)).map(({ group, people, coming }) => [
      group,
      people.length,
      coming.length,
    ]);

  it('are small first, then all others, then those who need a conversation; whoever is in one stays', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `c${at}`);
    await take(HEADER + names.map((name) => line(name, 'microsoftAuthenticatorPush')).join(''));
    // golf-1 has one already; 13 more with an app, two who need a conversation.
    expect(await shape()).toEqual([
      ['golf-1', 1, 1],
      ['golf-2', 0, 3],
      ['golf-3', 0, 9],
      ['golf-4', 0, 2],
    ]);
    const before = await installation.d.cohorts.plan(wishes);
    expect(await installation.d.cohorts.divide(wishes, OPERATOR)).toEqual([]);
    const divided = [
      ['golf-1', 2, 0],
      ['golf-2', 3, 0],
      ['golf-3', 9, 0],
      ['golf-4', 2, 0],
    ];
    expect(await shape()).toEqual(divided);
    const [, second] = await installation.d.cohorts.plan(wishes);
    expect(second!.people.map(({ email }) => email).sort()).toEqual(before[1]!.coming.map(({ email }) => email).sort());
    // Whoever comes later fills what is left, and moves nobody.
    await take(HEADER + line('later', 'microsoftAuthenticatorPush'));
    expect(await shape()).toEqual(divided.map(([group, people], at) => [group, people, at === 2 ? 1 : 0]));
  });

  it('stay as they are where somebody divides into fewer or more', async () => {
    for (const sizes of [[2], [2, 3, 4]])
      expect(
        (await installation.d.cohorts.plan({ prefix: 'golf', sizes })).reduce(
          (sum, { coming }) => sum + coming.length,
          0,
        ),
      ).toBe(1);
  });

  it('leave alone whom somebody may not change, and say so', async () => {
    const { account } = await installation.addPerson('hoog@example.org', { role: 'owner' });
    await installation.d.people.change(account.id, { groups: ['entra-app'] }, OPERATOR);
    const administrator = (await installation.addPerson(undefined, { role: 'administrator' })).account;
    const by = {
      actor: `account:${administrator.id}`,
      origin: 'test',
      authority: { kind: 'person', accountId: administrator.id, role: 'administrator' },
    } as const;
    expect((await installation.d.cohorts.divide(wishes, by)).map(({ email }) => email)).toEqual(['hoog@example.org']);
    expect(await groupsOf('hoog')).toEqual(['entra-app']);
    expect(await groupsOf('later')).toEqual(['entra-app', 'golf-3']);
    await installation.d.people.change(account.id, { groups: [] }, OPERATOR);
  });
});

describe('how far the move is', () => {
  it('is counted by what people used, by cohort, and day by day', async () => {
    const { d } = installation;
    await d.coverage.keepToday();
    const before = await d.migration('golf');
    expect(before.byCohort.map(({ group, people, enrolled }) => [group, people, enrolled])).toEqual([
      ['golf-1', 2, 0],
      ['golf-2', 3, 0],
      ['golf-3', 10, 0],
      ['golf-4', 2, 0],
    ]);
    expect(before.left.at(-1)!.people).toBe(17);

    const somebody = (await d.accounts.byEmail('1@example.org'))!;
    const password = d.administration.madeUpPassword();
    await d.administration.setPassword(somebody.email, password, OPERATOR);
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
    const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    const laptop = new Laptop();
    await givePassword(laptop, rp, { email: somebody.email, password });
    await enrolPhone(laptop, installation.url);
    await d.entraAccounts.link('tenant', 'object', somebody.id, d.clock.now());
    await d.coverage.keepToday();
    const { byMethod, left } = await d.migration('golf');
    expect(byMethod.find(({ group }) => group === 'entra-app')).toEqual({
      group: 'entra-app',
      people: 14,
      enrolled: 1,
      linked: 1,
    });
    expect(left.at(-1)!.people).toBe(16);
  });
});
