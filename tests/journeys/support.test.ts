import { randomUUID } from 'node:crypto';
import { WebAuthnEmulator } from 'nid-webauthn-emulator';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../src/core/authority.ts';
import type { CaseToOpen } from '../../src/flow/support.ts';
import type { Account, Role } from '../../src/store/accounts.ts';
import { OPERATOR } from '../support/administration.ts';
import { forgetPolicies, startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, enrolKey, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let mails: MailServer;
let installation: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;
const staff = {} as Record<Role | 'other', Account>;

beforeAll(async () => {
  mails = await MailServer.start();
  installation = await startInstallation({ SMTP_URL: mails.url });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
  for (const role of ['auditor', 'helpdesk', 'administrator', 'owner'] as const)
    staff[role] = (await installation.addPerson(`${role}@example.org`, { role })).account;
  staff.other = (await installation.addPerson('other@example.org', { role: 'helpdesk' })).account;
});
beforeEach(async () => {
  await installation.d.database.sql`DELETE FROM challenge`;
  person = await addEnrolledPerson(installation, new Laptop(), rp);
  await installation.d.database.sql`DELETE FROM challenge`;
});
afterEach(async () => {
  await forgetPolicies(installation);
  installation.clock.reset();
});
afterAll(async () => {
  await installation.close();
  await mails.close();
});

const as = (who: keyof typeof staff) => {
  const { id, role } = staff[who];
  const authority: Authority = { kind: 'person', accountId: id, role: role! };
  return { actor: `account:${id}`, origin: '192.0.2.7', authority };
};
const program = { actor: 'client:hr', origin: '192.0.2.8', authority: { kind: 'machine', clientId: 'hr' } } as const;

const identified = { identity: 'asked for the personnel number' };
const request = (more: Partial<CaseToOpen> = {}): CaseToOpen => ({
  accountId: person.accountId,
  kind: 'reset',
  cause: 'lost',
  reason: 'left the phone on a train',
  verification: identified,
  ...more,
});
const open = async (who: Parameters<typeof as>[0], more: Partial<CaseToOpen> = {}) => {
  const opened = await installation.d.support.open(request(more), as(who));
  return opened.ok ? opened.value : opened.refusal.code;
};
const phoneStatus = async () => (await person.phone.call('GET', '/app/api/challenges')).status;
const setPolicy = async (support: object) => {
  const set = await installation.d.policyAdministration.set({ rules: [], support }, OPERATOR);
  if (!set.ok) throw new Error(set.mistakes.join());
};

describe('who may reset whom', () => {
  it.each([
    ['auditor', [false, false, false, false]],
    ['helpdesk', [true, false, false, false]],
    ['administrator', [true, true, false, false]],
    ['owner', [true, true, true, true]],
  ] as const)('%s: an employee, the helpdesk, an administrator, an owner', async (who, expected) => {
    const owner = (await installation.addPerson(undefined, { role: 'owner' })).account;
    const administrator = (await installation.addPerson(undefined, { role: 'administrator' })).account;
    const helpdesk = (await installation.addPerson(undefined, { role: 'helpdesk' })).account;
    const targets = [person.accountId, helpdesk.id, administrator.id, owner.id];
    const may: boolean[] = [];
    for (const accountId of targets) {
      const opened = await open(who, { accountId });
      if (typeof opened === 'string') expect(opened).toBe('role_too_high');
      may.push(typeof opened !== 'string');
    }
    expect(may).toEqual(expected);
  });

  it('nobody resets themselves, gives themselves a pass, or takes their own role away', async () => {
    for (const who of ['helpdesk', 'administrator', 'owner'] as const) {
      const { id } = staff[who];
      expect(await open(who, { accountId: id })).toBe('own_account');
      expect(await open(who, { accountId: id, kind: 'temporary_pass' })).toBe('own_account');
      expect(await installation.d.people.change(id, { role: null }, as(who))).toMatchObject({ ok: false });
    }
  });

  it('a program acts on employees alone, and gives nobody a role', async () => {
    const opened = await installation.d.support.open(request({ accountId: staff.auditor.id }), program);
    expect(opened).toMatchObject({ ok: false, refusal: { code: 'role_too_high' } });
    expect((await installation.d.support.open(request(), program)).ok).toBe(true);
    const raised = await installation.d.people.change(person.accountId, { role: 'helpdesk' }, program);
    expect(raised).toMatchObject({ ok: false, refusal: { code: 'role_too_high' } });
  });

  it('an administrator makes helpdesks and auditors, an owner anybody, and one owner is always left', async () => {
    const give = async (who: Parameters<typeof as>[0], role: Role) =>
      (await installation.d.people.change(person.accountId, { role }, as(who))).ok;
    expect(await give('helpdesk', 'auditor')).toBe(false);
    expect(await give('administrator', 'administrator')).toBe(false);
    expect(await give('administrator', 'auditor')).toBe(true);
    expect(await give('owner', 'owner')).toBe(true);
    // Two owners who take each other's role at the same moment: one of them stays.
    for (const { account } of [await installation.addPerson(undefined, { role: 'owner' })])
      await installation.d.people.change(account.id, { status: 'revoked' }, OPERATOR);
    const { sql } = installation.d.database;
    const owners = [person.accountId, staff.owner.id];
    await sql`UPDATE account SET status = 'suspended' WHERE role = 'owner' AND id <> ALL(${owners})`;
    const taken = await together(2, (n) => installation.d.people.change(owners[n]!, { role: null }, OPERATOR));
    expect(fulfilled(taken).filter(({ ok }) => ok)).toHaveLength(1);
    expect(await installation.d.accounts.countWithRole('owner')).toBe(1);
    await sql`UPDATE account SET role = 'owner', status = 'active' WHERE id = ${staff.owner.id}`;
    await sql`UPDATE account SET role = NULL WHERE id = ${person.accountId}`;
    for (const changes of [{ status: 'suspended' }, { status: 'revoked' }, { role: null }] as const)
      expect(await installation.d.people.change(staff.owner.id, changes, OPERATOR)).toMatchObject({
        refusal: { code: 'last_owner' },
      });
  });
});

describe('before a reset', () => {
  it('the caller is verified as the policy says; without a word of it, it waits for a second person', async () => {
    expect(await open('helpdesk', { reason: ' ' })).toBe('reason_missing');
    expect(await open('helpdesk', { verification: {} })).toMatchObject({ case: { state: 'waiting' }, pass: undefined });
    expect(await open('helpdesk', { verification: {} })).toBe('case_open');
    await setPolicy({ verify: ['push'] });
    expect(await open('helpdesk')).toBe('verification_missing');
    await setPolicy({ verify: ['identity'] });
    expect(await open('helpdesk', { verification: { identity: 'yes' } })).toBe('verification_missing');
  });

  it('by the phone that is still held: once, for that person, for a quarter of an hour', async () => {
    await setPolicy({ verify: ['push'] });
    const check = async () => {
      await installation.d.database.sql`DELETE FROM challenge WHERE state <> 'approved'`;
      const started = await installation.d.callerCheck.start(person.accountId, as('helpdesk'));
      if (!started.ok) throw new Error(started.refusal.code);
      return started.value;
    };
    const asked = await check();
    const verification = { challenge: asked.challengeId };
    expect(await open('helpdesk', { verification, kind: 'temporary_pass' })).toBe('verification_invalid');
    expect((await person.phone.approve(asked.number)).status).toBe(200);
    // Approved, and nobody has looked: the helpdesk does not know yet.
    expect(await open('helpdesk', { verification, kind: 'temporary_pass' })).toBe('verification_invalid');
    expect(await installation.d.callerCheck.look(asked.challengeId, as('helpdesk'))).toBe('verified');
    const somebody = await installation.addPerson();
    expect(await open('helpdesk', { verification, accountId: somebody.account.id })).toBe('verification_invalid');
    installation.clock.advance(901);
    expect(await open('helpdesk', { verification, kind: 'temporary_pass' })).toBe('verification_invalid');
    installation.clock.reset();
    const at = await together(5, () => open('helpdesk', { verification, kind: 'temporary_pass' }));
    expect(fulfilled(at).filter((each) => typeof each !== 'string')).toHaveLength(1);
    expect(fulfilled(at).filter((each) => each === 'verification_invalid')).toHaveLength(4);
  });

  it('a second person agrees where the policy says so: another one, who may, within a day, once', async () => {
    await setPolicy({ secondPersonFor: ['helpdesk'] });
    const waiting = await open('helpdesk');
    if (typeof waiting === 'string') throw new Error(waiting);
    const { id } = waiting.case;
    const approve = async (who: Parameters<typeof as>[0]) => {
      const approved = await installation.d.support.approve(id, as(who));
      return approved.ok ? approved.value.case.state : approved.refusal.code;
    };
    expect(waiting.pass).toBeUndefined();
    expect(await approve('helpdesk')).toBe('second_person_same');
    expect(await approve('auditor')).toBe('role_too_high');
    expect((await person.phone.challenges()).length).toBe(0);
    const all = fulfilled(await together(4, () => approve('other')));
    expect(all.filter((state) => state === 'done')).toHaveLength(1);
    expect(all.filter((code) => code === 'case_closed')).toHaveLength(3);

    const late = await open('helpdesk');
    if (typeof late === 'string') throw new Error(late);
    installation.clock.advance(86_401);
    expect(await installation.d.support.approve(late.case.id, as('other'))).toMatchObject({
      refusal: { code: 'case_closed' },
    });
    // It no longer stands in the way of another one.
    const again = await open('helpdesk');
    expect(again).toMatchObject({ case: { state: 'waiting' } });
    if (typeof again !== 'string')
      expect((await installation.d.support.cancel(again.case.id, as('helpdesk'))).ok).toBe(true);
  });

  it('a second person is no program, nor whoever could be the program that asked', async () => {
    await setPolicy({ secondPersonFor: ['helpdesk'] });
    const { support } = installation.d;
    const asked = await support.open(request(), program);
    if (!asked.ok) throw new Error(asked.refusal.code);
    const { id, state } = asked.value.case;
    expect(state).toBe('waiting');
    const code = async (by: Parameters<typeof support.approve>[1]) => {
      const approved = await support.approve(id, by);
      return approved.ok ? approved.value.case.state : approved.refusal.code;
    };
    const another = { ...program, actor: 'client:other', authority: { kind: 'machine', clientId: 'other' } } as const;
    expect(await code(another)).toBe('second_person_machine');
    expect(await code(as('administrator'))).toBe('second_person_keeper');
    expect(await code(as('owner'))).toBe('second_person_keeper');
    expect(await code(as('helpdesk'))).toBe('done');
  });

  it('those with a role can be made to need a second person, whoever acts', async () => {
    await setPolicy({ secondPersonOn: ['helpdesk'] });
    expect(await open('owner', { accountId: staff.other.id })).toMatchObject({ case: { state: 'waiting' } });
    expect(await open('owner')).toMatchObject({ case: { state: 'done' } });
  });
});

describe('a reset', () => {
  it('takes everything away, ends everything, and lets nothing be set up without a temporary pass', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const done = await open('helpdesk');
    if (typeof done === 'string') throw new Error(done);
    expect(await phoneStatus()).toBe(401);
    await laptop.open(laptop.page.url);
    expect(laptop.title).toBe('Het aanmelden is gestopt');
    const again = new Laptop();
    await givePassword(again, rp, person);
    expect(again.title).toBe('Aanmelden met een tijdelijke toegangscode');
    await again.submit('/pass', { code: '0000-0000-0000-0000' });
    expect(again.page.status).toBe(401);
    await again.submit('/pass', { code: done.pass!.code });
    await enrolPhone(again, installation.url);
    expect((await goOn(again, rp)).url).toContain('code=');
    expect((await installation.d.accounts.byId(person.accountId))!.passRequiredAt).toBeNull();
    const [event] = await installation.d.auditStore.list({ action: 'account.reset', limit: 1 });
    expect(event).toMatchObject({
      actor: `account:${staff.helpdesk.id}`,
      detail: { reason: 'left the phone on a train', cause: 'lost', verification: identified },
    });
  });

  it('is told on every address, and undone from there: what was, works; what came since, does not', async () => {
    await installation.d.people.change(person.accountId, { notifyEmail: 'thuis@example.net' }, OPERATOR);
    const done = await open('helpdesk');
    if (typeof done === 'string') throw new Error(done);
    // Whoever pretended to be this person sets up their own key.
    const thief = new Laptop();
    await givePassword(thief, rp, person);
    await thief.submit('/pass', { code: done.pass!.code });
    const intruder = new WebAuthnEmulator();
    await enrolKey(thief, installation.url, intruder);
    await goOn(thief, rp);
    const link = linkIn(await mails.next('thuis@example.net', 'manieren van aanmelden zijn gewist'), '/undo');
    expect(linkIn(await mails.next(person.email, 'manieren van aanmelden zijn gewist'), '/undo')).toBe(link);

    const owner = new Laptop();
    await owner.open(link);
    expect(owner.title).toBe('Wissen ongedaan maken');
    await owner.submit('/undo');
    expect(owner.title).toBe('Ongedaan gemaakt');
    expect((await owner.open(link)).status).toBe(410);
    const kinds = async (state: string) =>
      (await installation.d.authenticators.ofAccount(person.accountId))
        .filter((each) => each.state === state)
        .map(({ kind }) => kind)
        .sort();
    expect(await kinds('active')).toEqual(['push', 'recovery_code', 'totp']);
    expect(await kinds('revoked')).toContain('webauthn');
    expect(await kinds('revoked')).toContain('password');
    expect(await phoneStatus()).toBe(200);
    await mails.next('owner@example.org', 'Mogelijk misbruik');
    const after = new Laptop();
    await givePassword(after, rp, person);
    expect(after.page.status).toBe(401);
  });

  it('is done once, however often its form is sent', async () => {
    const id = randomUUID();
    const all = fulfilled(await together(4, () => open('helpdesk', { id })));
    expect(all.filter((each) => typeof each !== 'string')).toHaveLength(1);
    expect(all.filter((each) => each === 'case_repeated')).toHaveLength(3);
    const events = await installation.d.auditStore.list({
      action: 'account.reset',
      accountId: person.accountId,
      limit: 9,
    });
    expect(events).toHaveLength(1);
  });

  it('is not undone by the mail of an earlier one', async () => {
    await open('helpdesk');
    const link = linkIn(await mails.next(person.email, 'manieren van aanmelden zijn gewist'), '/undo');
    await open('administrator', { cause: 'stolen' });
    expect((await new Laptop().open(link)).status).toBe(410);
    expect(await phoneStatus()).toBe(401);
  });

  it('of somebody who had nothing strong leaves them with a pass, also when it is undone', async () => {
    const { account, ...somebody } = await installation.addPerson();
    await open('helpdesk', { accountId: account.id });
    const link = linkIn(await mails.next(account.email, 'manieren van aanmelden zijn gewist'), '/undo');
    const owner = new Laptop();
    await owner.open(link);
    await owner.submit('/undo');
    expect(owner.title).toBe('Ongedaan gemaakt');
    expect((await installation.d.accounts.byId(account.id))!.passRequiredAt).not.toBeNull();
    // Whoever reads the mailbox can set a password, and sets up nothing with it alone.
    const password = 'een heel nieuw wachtwoord';
    await installation.d.administration.setPassword(somebody.email, password, OPERATOR);
    const thief = new Laptop();
    await givePassword(thief, rp, { ...somebody, password });
    expect(thief.title).toBe('Aanmelden met een tijdelijke toegangscode');
  });

  it('because of theft gives nothing back, and a link is good for a day', async () => {
    expect(await open('helpdesk', { cause: 'stolen' })).toMatchObject({ case: { undoUntil: null } });
    const mail = await mails.next(person.email, 'manieren van aanmelden zijn gewist');
    expect(mail.text).not.toContain('/undo');
    expect(mail.text).toContain('/not-me');
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    await open('helpdesk', { accountId: other.accountId });
    const link = linkIn(await mails.next(other.email, 'manieren van aanmelden zijn gewist'), '/undo');
    installation.clock.advance(86_401);
    expect((await new Laptop().open(link)).status).toBe(410);
  });
});

describe('a person', () => {
  it('who is suspended is out at once, comes back as they were, and who is revoked never', async () => {
    const { people } = installation.d;
    expect((await people.change(person.accountId, { status: 'suspended' }, as('administrator'))).ok).toBe(true);
    expect(await phoneStatus()).toBe(401);
    expect((await people.change(person.accountId, { status: 'active' }, as('administrator'))).ok).toBe(true);
    expect(await phoneStatus()).toBe(200);
    expect((await people.change(person.accountId, { status: 'revoked' }, as('administrator'))).ok).toBe(true);
    expect(await people.change(person.accountId, { status: 'active' }, as('owner'))).toMatchObject({
      refusal: { code: 'account_unknown' },
    });
  });

  it('whose last authenticator is revoked sets up the next one with a pass alone', async () => {
    const phone = (await installation.d.authenticators.ofAccount(person.accountId)).find(
      ({ kind }) => kind === 'push',
    )!;
    const revoke = (id: string) =>
      installation.d.people.revokeAuthenticator(person.accountId, id, 'lost', as('helpdesk'));
    expect((await revoke(phone.id)).ok).toBe(true);
    expect(await revoke(phone.id)).toMatchObject({ refusal: { code: 'authenticator_unknown' } });
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    expect(laptop.title).toBe('Aanmelden met een tijdelijke toegangscode');
  });

  it('is changed by one administrator at a time, and the old mailbox hears of a new address', async () => {
    const { people } = installation.d;
    const { version } = (await people.look(person.accountId))!.account;
    const changed = await people.change(
      person.accountId,
      { email: `nieuw-${version}@example.org` },
      as('administrator'),
      version,
    );
    expect(changed.ok).toBe(true);
    const stale = await people.change(person.accountId, { displayName: 'Ander' }, as('administrator'), version);
    expect(stale).toMatchObject({ refusal: { code: 'version_changed' } });
    expect((await mails.next(person.email, 'e-mailadres is gewijzigd')).text).toContain('/not-me');
    const taken = await people.change(person.accountId, { email: staff.owner.email }, as('administrator'));
    expect(taken).toMatchObject({ refusal: { code: 'account_exists' } });
  });
});
