import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../src/core/permissions.ts';
import { OPERATOR } from '../support/administration.ts';
import { type ApiClient, apiPerson, apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

const DAY = 86_400;

let installation: TestInstallation;
let program: ApiClient;
let owner: ApiClient;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation({ ERASE_AFTER_DAYS: '30' });
  program = await apiProgram(installation, PERMISSIONS);
  owner = (await apiPerson(installation, 'owner')).api;
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri], grants: ['refresh'] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterAll(() => installation.close());

/** Tables in which a row says one of these words anywhere. */
async function tablesWith(words: readonly string[]): Promise<string[]> {
  const { database } = installation.d;
  const tables = await database.sql<{ name: string }>`SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
  const found: string[] = [];
  for (const { name } of tables) {
    const [row] = await database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM "${name}" t WHERE t::text ILIKE ANY($1::text[])`,
      [words.map((word) => `%${word}%`)],
    );
    if (row!.count > 0) found.push(name);
  }
  return found.sort();
}

/** Somebody who has left their traces wherever a person can. */
async function leaver() {
  const { d } = installation;
  const laptop = new Laptop();
  const person = await addEnrolledPerson(installation, laptop, rp);
  const asked = await givePassword(laptop, rp, person, { prompt: 'login' });
  await rp.redeem(asked, (await approveAndGoOn(laptop, person.phone, rp)).url);
  const opened = await d.support.open(
    {
      accountId: person.accountId,
      kind: 'reset',
      cause: 'lost',
      reason: 'left the phone on a train',
      verification: { identity: 'asked for the personnel number' },
    },
    OPERATOR,
  );
  expect(opened.ok).toBe(true);
  await d.passwordLinks.forgotten(person.email, { ip: '192.0.2.7', browser: '' });
  await d.passwordLinks.settled();
  await givePassword(new Laptop(), rp, person);
  return person;
}
const revoke = (id: string) => installation.d.people.change(id, { status: 'revoked' }, OPERATOR);

describe('what is kept of somebody who left', () => {
  it('is erased on request: the log alone still knows the id', async () => {
    const person = await leaver();
    const words = [person.accountId, person.email];
    for (const table of ['authenticator', 'challenge', 'known_place', 'mail_link', 'op_session', 'support_case'])
      expect(await tablesWith(words), table).toContain(table);
    await revoke(person.accountId);
    expect((await program.call('DELETE', `/accounts/${person.accountId}`)).status).toBe(204);
    expect(await tablesWith(words)).toEqual(['audit_event']);
    const [event] = await installation.d.auditStore.list({ action: 'account.erased', limit: 1 });
    expect(event).toMatchObject({ accountId: person.accountId, detail: { how: 'asked' } });
    expect(JSON.stringify(event)).not.toContain(person.email);
    await installation.d.linkAudit();
    expect(await installation.d.auditIntegrity.verify()).toMatchObject({ isIntact: true });
  });

  it('is not, of somebody who may still sign in, is unknown, or has a role that is above', async () => {
    const { account } = await installation.addPerson();
    const refused = await program.call('DELETE', `/accounts/${account.id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'not_revoked']);
    await installation.d.people.change(account.id, { status: 'suspended' }, OPERATOR);
    expect((await program.call('DELETE', `/accounts/${account.id}`)).body.code).toBe('not_revoked');
    const nobody = await program.call('DELETE', '/accounts/00000000-0000-4000-8000-000000000000');
    expect([nobody.status, nobody.body.code]).toEqual([404, 'account_unknown']);
    const { account: helper } = await installation.addPerson(undefined, { role: 'helpdesk' });
    await revoke(helper.id);
    expect((await program.call('DELETE', `/accounts/${helper.id}`)).status).toBe(403);
    expect((await owner.call('DELETE', `/accounts/${helper.id}`)).status).toBe(204);
  });

  it('is erased once, by however many ask, and the address is somebody else’s', async () => {
    const { account, email } = await installation.addPerson();
    await revoke(account.id);
    const answers = fulfilled(await together(10, () => program.call('DELETE', `/accounts/${account.id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array.from({ length: 9 }, () => 404)]);
    expect(
      await installation.d.auditStore.list({ accountId: account.id, action: 'account.erased', limit: 9 }),
    ).toHaveLength(1);
    const next = await installation.addPerson(email);
    expect(next.account.id).not.toBe(account.id);
    expect((await program.get(`/accounts/${account.id}`)).status).toBe(404);
  });

  it('is erased by the clock, so many days after the account was ended, and nobody else’s', async () => {
    const [left, justLeft, away, here] = await Promise.all(Array.from({ length: 4 }, () => installation.addPerson()));
    await revoke(left!.account.id);
    await installation.d.people.change(away!.account.id, { status: 'suspended' }, OPERATOR);
    installation.clock.advance(29 * DAY);
    await revoke(justLeft!.account.id);
    expect(await installation.d.erasure.eraseDue()).toBe(0);
    installation.clock.advance(2 * DAY);
    expect(await installation.d.erasure.eraseDue()).toBe(1);
    expect(await installation.d.accounts.byId(left!.account.id)).toBeUndefined();
    for (const { account } of [justLeft!, away!, here!])
      expect(await installation.d.accounts.byId(account.id)).toBeDefined();
    const [event] = await installation.d.auditStore.list({ action: 'account.erased', limit: 1 });
    expect(event).toMatchObject({ actor: 'system', detail: { how: 'due' } });
    installation.clock.reset();
  });

  it('is erased by nobody where that was not asked for', async () => {
    const other = await startInstallation();
    const { account } = await other.addPerson();
    await other.d.people.change(account.id, { status: 'revoked' }, OPERATOR);
    other.clock.advance(4000 * DAY);
    expect(await other.d.erasure.eraseDue()).toBe(0);
    await other.close();
  });
});
