import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createVerifyPassword } from '../../src/authenticators/password/verify.ts';
import { createPasswordHasher } from '../../src/crypto/password-hash.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { changeAccount, OPERATOR } from '../support/administration.ts';
import { ber, FakeDirectory } from '../support/fake-directory.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { MailServer } from '../support/mail-server.ts';
import { freePort } from '../support/ports.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { PEOPLE, READER, READER_PASSWORD, Slapd } from '../support/slapd.ts';
import { enrolPhone, givePassword, goOn } from '../support/story.ts';
import { together } from '../support/together.ts';

const isHere = Slapd.isInstalled();
const why = isHere ? '' : ' (skipped: slapd and ldap-utils are not installed here; .ci/run installs them)';

describe.skipIf(!isHere)(`people from a directory${why}`, () => {
  let slapd: Slapd;
  let mails: MailServer;
  let installation: TestInstallation;
  let rp: RelyingParty;

  beforeAll(async () => {
    slapd = await Slapd.start();
    mails = await MailServer.start();
    installation = await startInstallation(slapd.settings({ SMTP_URL: mails.url, LDAP_ATTRIBUTES: 'groups=memberOf' }));
    rp = await withApp(installation);
  });
  beforeEach(() => slapd.resume());
  afterEach(() => installation.clock.reset());
  afterAll(async () => {
    await installation?.close();
    await mails?.close();
    await slapd?.stop();
  });

  async function withApp(to: TestInstallation): Promise<RelyingParty> {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await to.addClient({ id: 'app', redirectUris: [redirectUri] });
    return RelyingParty.discover(to.url, 'app', secret, redirectUri);
  }

  const sync = async (options = {}, at = installation) => {
    // An installation reads it by itself when it starts, which takes its time where there are many.
    for (let attempt = 0; attempt < 1200; attempt += 1) {
      const outcome = await at.d.directorySync!.run(options, OPERATOR);
      if (outcome) return outcome;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('it is being read already');
  };
  const accountOf = (uid: string, at = installation) => at.d.accounts.byEmail(`${uid}@example.org`);
  /** Somebody new in the directory, taken over. */
  const somebody = async (more: { name?: string } = {}) => {
    const uid = `p${randomUUID().slice(0, 8)}`;
    const password = randomBytes(9).toString('base64url');
    slapd.add({ uid, password, ...more });
    await sync();
    return { uid, email: `${uid}@example.org`, password, account: (await accountOf(uid))! };
  };
  const tryPassword = async (email: string, password: string, server = rp): Promise<Laptop> => {
    const laptop = new Laptop();
    await givePassword(laptop, server, { email, password });
    return laptop;
  };

  const directoryAt = async (more: Record<string, string>) => {
    const { openDirectory } = await import('../../src/ldap/directory.ts');
    const { loadConfig } = await import('../../src/config/load.ts');
    const { random, clock } = installation.d;
    const config = loadConfig({ DATA_DIR: installation.dataDir, ...slapd.settings(more) }, random);
    return openDirectory(config.directory!, clock, random);
  };

  describe('who there is', () => {
    it('comes from the directory, with names and groups as they are written there', async () => {
      slapd.add(
        { uid: 'anne', name: 'Änne de Vries', password: 'x' },
        { uid: 'bob', name: 'Bob' },
        { uid: 'nomail', mail: '' },
      );
      slapd.group('Inkoop, regio "Noord"', 'anne', 'bob');
      slapd.group('Directie', 'anne');
      const dry = await sync({ isDryRun: true });
      expect(dry.report).toMatchObject({ found: 2, added: 2, changed: 0, suspended: 0 });
      expect(await accountOf('anne')).toBeUndefined();
      expect((await sync()).report).toMatchObject({ found: 2, added: 2, refused: 0 });
      expect(await accountOf('anne')).toMatchObject({
        displayName: 'Änne de Vries',
        source: 'ldap',
        groups: ['Directie', 'Inkoop, regio "Noord"'],
      });
      expect((await accountOf('bob'))!.externalId).toMatch(/^[0-9a-f-]{36}$/);
      expect((await sync()).report).toMatchObject({ added: 0, changed: 0, suspended: 0 });
      // Nobody is invited: they have a password.
      expect(mails.to('anne@example.org')).toEqual([]);
    });

    it('follows who is renamed, moved to another address, gone, and back', async () => {
      const { uid, account } = await somebody({ name: 'Eerst' });
      slapd.set(uid, 'displayName', 'Daarna');
      slapd.set(uid, 'mail', `${uid}.nieuw@example.org`);
      expect((await sync()).report).toMatchObject({ added: 0, changed: 1 });
      expect(await installation.d.accounts.byId(account.id)).toMatchObject({
        displayName: 'Daarna',
        email: `${uid}.nieuw@example.org`,
      });
      slapd.set(uid, 'mail', `${uid}@example.org`);
      slapd.remove(uid);
      expect((await sync()).report).toMatchObject({ suspended: 1 });
      expect((await installation.d.accounts.byId(account.id))!.status).toBe('suspended');
      expect((await sync()).report).toMatchObject({ suspended: 0, changed: 0 });
      const events = await installation.d.auditStore.list({ action: 'account.suspended', limit: 1 });
      expect(events[0]).toMatchObject({ accountId: account.id, actor: 'test' });
    });

    it('takes over those without a role, ends the password they had here, and nobody who looks after it', async () => {
      const plain = await installation.addPerson('overgenomen@example.org');
      const owner = await installation.addPerson('baas@example.org', { role: 'owner' });
      slapd.add({ uid: 'overgenomen', password: 'van het netwerk' }, { uid: 'baas', password: 'van een ander' });
      const { report } = await sync();
      expect(report).toMatchObject({ refused: 1, problems: [{ email: 'baas@example.org', code: 'role_too_high' }] });
      expect((await installation.d.accounts.byId(plain.account.id))!.source).toBe('ldap');
      expect((await installation.d.accounts.byId(owner.account.id))!.source).toBe('local');
      expect((await tryPassword(plain.email, plain.password)).page.status).toBe(401);
      expect((await tryPassword(plain.email, 'van het netwerk')).title).toBe('Meer informatie vereist');
      expect((await tryPassword(owner.email, 'van een ander')).page.status).toBe(401);
      expect((await tryPassword(owner.email, owner.password)).title).toBe('Meer informatie vereist');
      slapd.remove('baas');
    });

    it('is not emptied by a mistake: so many gone suspends nobody, until somebody says that it is right', async () => {
      const other = await startInstallation(slapd.settings({ LDAP_BASE: PEOPLE }));
      try {
        const uids = Array.from({ length: 12 }, (_, index) => `massa${index}`);
        slapd.add(...uids.map((uid) => ({ uid })));
        await sync({}, other);
        slapd.remove(...uids);
        const { report, problem } = await sync({}, other);
        expect([problem, report.suspended, report.missing]).toEqual(['too_many_missing', 0, 12]);
        expect((await accountOf('massa3', other))!.status).toBe('active');
        expect(await other.d.overview.health()).toMatchObject({ directory: { problem: 'too_many_missing' } });
        expect((await sync({ mayBeMany: true }, other)).report).toMatchObject({ suspended: 12, missing: 0 });
        expect((await accountOf('massa3', other))!.status).toBe('suspended');
        expect((await other.d.directorySync!.last())!.problem).toBeNull();
      } finally {
        await other.close();
      }
    });

    it('knows somebody by its own id: an address that another entry has opens nobody’s account', async () => {
      const victim = await somebody();
      const mallory = `m${randomUUID().slice(0, 8)}`;
      slapd.add({ uid: mallory, mail: '', password: 'van mallory' });
      slapd.set(mallory, 'mail', victim.email);
      const { report } = await sync();
      expect(report.problems).toContainEqual({
        email: victim.email,
        code: expect.stringMatching(/email_twice|account_exists/),
      });
      expect(await installation.d.accounts.byId(victim.account.id)).toMatchObject({
        externalId: victim.account.externalId,
        status: 'active',
      });
      expect((await tryPassword(victim.email, 'van mallory')).page.status).toBe(401);
      expect((await tryPassword(victim.email, victim.password)).title).toBe('Meer informatie vereist');
      slapd.remove(mallory);
    });

    it('gives nobody the account of who had their address before, with its role', async () => {
      const leaver = await somebody();
      await changeAccount(installation, leaver.account.id, { role: 'administrator' });
      slapd.remove(leaver.uid);
      await sync();
      slapd.add({ uid: leaver.uid, password: 'van de opvolger' });
      const { report } = await sync();
      expect(report.problems).toContainEqual({ email: leaver.email, code: 'account_exists' });
      expect(await installation.d.accounts.byId(leaver.account.id)).toMatchObject({ status: 'suspended' });
      expect((await tryPassword(leaver.email, 'van de opvolger')).page.status).toBe(401);
      // Whoever has the machine lets go of the old account, under another address.
      const { people } = installation.d;
      expect((await people.release(leaver.account.id, OPERATOR)).ok).toBe(true);
      await changeAccount(installation, leaver.account.id, { email: `oud-${leaver.email}`, role: null });
      expect((await sync()).report).toMatchObject({ added: 1 });
      expect((await tryPassword(leaver.email, 'van de opvolger')).title).toBe('Meer informatie vereist');
      expect(await people.release(leaver.account.id, OPERATOR)).toMatchObject({ refusal: { code: 'kept_here' } });
    });

    it('takes over nobody whom somebody suspended here', async () => {
      const { account } = await installation.addPerson(`geschorst${randomUUID().slice(0, 6)}@example.org`);
      await changeAccount(installation, account.id, { status: 'suspended' });
      const uid = account.email.split('@')[0]!;
      slapd.add({ uid, password: 'x' });
      await sync();
      expect(await installation.d.accounts.byId(account.id)).toMatchObject({ status: 'suspended', source: 'local' });
      slapd.remove(uid);
    });

    it('is said beforehand as it comes out: whom, and who is refused and why', async () => {
      const uid = `droog${randomUUID().slice(0, 6)}`;
      const boss = await installation.addPerson(`chef${uid}@example.org`, { role: 'administrator' });
      slapd.add({ uid }, { uid: `chef${uid}` }, { uid: `fout${uid}`, mail: 'geen-adres' });
      const dry = await sync({ isDryRun: true });
      expect(dry.who.added).toEqual([`${uid}@example.org`]);
      const real = await sync();
      expect(real).toEqual(dry);
      expect(real.report.problems).toEqual(
        expect.arrayContaining([
          { email: boss.email, code: 'role_too_high' },
          { email: 'geen-adres', code: 'email_invalid' },
        ]),
      );
      slapd.remove(uid, `chef${uid}`, `fout${uid}`);
    });

    it('is read to its end although one entry cannot be kept as it is', async () => {
      const long = await somebody();
      const gone = await somebody();
      slapd.set(long.uid, 'displayName', 'x'.repeat(1_400_000));
      slapd.remove(gone.uid);
      expect((await sync()).report).toMatchObject({ changed: 1, suspended: 1, refused: 0 });
      expect((await installation.d.accounts.byId(long.account.id))!.displayName).toHaveLength(200);
      // Nor is it written again each time.
      expect((await sync()).report).toMatchObject({ changed: 0 });
      slapd.remove(long.uid);
    });

    it('lacks no password because somebody died between two steps', async () => {
      const { email, password, account } = await somebody();
      await installation.d.database.sql`DELETE FROM authenticator WHERE account_id = ${account.id}`;
      expect((await tryPassword(email, password)).page.status).toBe(401);
      await sync();
      expect((await tryPassword(email, password)).title).toBe('Meer informatie vereist');
    });

    it('goes on after an empty page, which is not the last (RFC 2696)', async () => {
      const fake = await FakeDirectory.start([
        { people: ['een'], cookie: 'a' },
        { people: [], cookie: 'b' },
        { people: ['drie'], cookie: '' },
      ]);
      try {
        const { people } = await (await directoryAt({ LDAP_URL: fake.url, LDAP_CA: fake.ca })).people();
        expect(people.map(({ email }) => email)).toEqual(['een@example.org', 'drie@example.org']);
        expect(fake.searches).toBe(3);
      } finally {
        await fake.close();
      }
    });

    it('is read in pages, past the limit of a single answer', async () => {
      const other = await startInstallation(slapd.settings());
      try {
        const uids = Array.from({ length: 1203 }, (_, index) => `veel${index}`);
        slapd.add(...uids.map((uid) => ({ uid })));
        const { report } = await sync({}, other);
        expect(report.found).toBeGreaterThanOrEqual(1203);
        expect(await other.d.accounts.count({ source: 'ldap' })).toBe(report.found);
        expect((await accountOf('veel1202', other))!.source).toBe('ldap');
      } finally {
        await other.close();
        slapd.remove(...Array.from({ length: 1203 }, (_, index) => `veel${index}`));
      }
    });

    it('is read by one at a time, and by itself when it is due', async () => {
      const { directorySyncs, clock } = installation.d;
      const soon = new Date(clock.now().getTime() + 60_000);
      expect(await directorySyncs.take('ldap', clock.now(), soon)).toBeGreaterThan(0);
      expect(await installation.d.directorySync!.run({}, OPERATOR)).toBeUndefined();
      installation.clock.advance(61);
      const uid = `vanzelf${randomUUID().slice(0, 6)}`;
      slapd.add({ uid });
      await installation.d.directorySync!.runIfDue();
      expect(await accountOf(uid)).toBeUndefined();
      installation.clock.advance(3600);
      await Promise.all([1, 2, 3].map(() => installation.d.directorySync!.runIfDue()));
      expect((await accountOf(uid))!.source).toBe('ldap');
      const added = await installation.d.auditStore.list({ action: 'directory.synchronised', limit: 1 });
      expect(added[0]).toMatchObject({ actor: 'directory:ldap', detail: { added: 1 } });
    });
  });

  describe('a password that the directory knows', () => {
    it('signs in, with a second factor as ever, until the directory says otherwise', async () => {
      const { uid, email, password, account } = await somebody();
      const laptop = new Laptop();
      const asked = await givePassword(laptop, rp, { email, password });
      await enrolPhone(laptop, installation.url);
      const tokens = await rp.redeem(asked, (await goOn(laptop, rp)).url);
      expect(tokens.claims()).toMatchObject({ sub: account.id, acr: 'urn:dubbelslot:acr:mfa' });
      expect((await tryPassword(email, `${password}x`)).page.status).toBe(401);
      slapd.set(uid, 'userPassword', 'veranderd op het netwerk');
      expect((await tryPassword(email, password)).page.status).toBe(401);
      expect((await tryPassword(email, 'veranderd op het netwerk')).title).toBe('Bevestig op uw telefoon');
      // Before the next reading already: whoever the filter does not find is out.
      slapd.remove(uid);
      expect((await tryPassword(email, 'veranderd op het netwerk')).page.status).toBe(401);
    });

    it('is never empty, although the directory would take that as a bind of nobody', async () => {
      const { email, password, account } = await somebody();
      const { d } = installation;
      const verify = d.config.directory && (await import('../../src/ldap/directory.ts'));
      const directory = verify!.openDirectory(d.config.directory!, d.clock, d.random);
      expect(await directory.check(account.externalId!, '')).toBe(false);
      expect(await directory.check(account.externalId!, password)).toBe(true);
      expect(await directory.check(undefined, password)).toBe(false);
      expect((await tryPassword(email, '')).page.status).not.toBe(303);
    });

    it('is not asked for where the machine is too busy to compute a hash', async () => {
      let asked = 0;
      const hasher = createPasswordHasher(secretKey(installation.d.config.secretKeys[0]!), 1);
      const verify = createVerifyPassword(installation.d.authenticators, hasher, async () => {
        asked += 1;
        return false;
      });
      const all = await together(100, () => verify(undefined, 'x'));
      const busy = all.filter(({ status }) => status === 'rejected').length;
      expect(busy).toBeGreaterThan(0);
      expect(asked).toBe(100 - busy);
    });

    it.each([
      ['written in small letters', 'objectguid', '(objectGUID=*)'],
      ['of another name', 'objectGUID;hex', '(objectGUID=*)'],
    ])('is found by an id of bytes, %s', async (_how, id, filter) => {
      // Bytes that are text as well.
      const guid = Buffer.from('abcdefghijklmnop');
      slapd.add({ uid: 'tekst', password: 'geheim genoeg', guid });
      try {
        const directory = await directoryAt({ LDAP_ATTRIBUTES: `id=${id}`, LDAP_FILTER: filter });
        const found = (await directory.people()).people.find(({ email }) => email === 'tekst@example.org')!;
        expect(found.id).toBe(guid.toString('hex'));
        expect(await directory.check(found.id, 'geheim genoeg')).toBe(true);
        expect(await directory.check(undefined, 'geheim genoeg')).toBe(false);
      } finally {
        slapd.remove('tekst');
      }
    });

    it('is looked up by an id that is no filter', async () => {
      const { d } = installation;
      const { openDirectory } = await import('../../src/ldap/directory.ts');
      const directory = openDirectory(d.config.directory!, d.clock, d.random);
      const { password } = await somebody();
      for (const id of ['*', 'x)(uid=*', '*)(objectClass=*', '\u0000', '(', '\\2a'])
        expect(await directory.check(id, password)).toBe(false);
    });

    it('is found by Active Directory’s own id, which is bytes', async () => {
      const guid = Buffer.from('00ff28292a5c0d0a8fc3284100410041', 'hex');
      slapd.add({ uid: 'adje', password: 'geheim genoeg', guid });
      const other = await startInstallation(
        slapd.settings({ LDAP_ATTRIBUTES: 'id=objectGUID', LDAP_FILTER: '(objectGUID=*)' }),
      );
      try {
        const app = await withApp(other);
        expect((await sync({}, other)).report).toMatchObject({ found: 1, refused: 0 });
        expect((await accountOf('adje', other))!.externalId).toBe(guid.toString('hex'));
        expect((await tryPassword('adje@example.org', 'geheim genoeg', app)).title).toBe('Meer informatie vereist');
        expect((await tryPassword('adje@example.org', 'geheim', app)).page.status).toBe(401);
      } finally {
        await other.close();
        slapd.remove('adje');
      }
    });

    it('is changed there alone: no link, no page, no command replaces it', async () => {
      const { email, account } = await somebody();
      const laptop = new Laptop();
      await laptop.open((await rp.request()).url);
      await laptop.open(
        /href="([^"]*forgotten[^"]*)"/.exec(laptop.page.html)![1]!.replace(/^\//, `${installation.url}/`),
      );
      await laptop.submit('/password/forgotten', { email });
      const mail = await mails.next(email, 'Uw wachtwoord');
      expect(mail.text).not.toContain('/password/link');
      const { administration, passwordLinks } = installation.d;
      expect(await administration.setPassword(email, 'een ander wachtwoord', OPERATOR)).toMatchObject({
        refusal: { code: 'kept_elsewhere' },
      });
      expect(await administration.invite(email, OPERATOR)).toMatchObject({ refusal: { code: 'kept_elsewhere' } });
      const origin = { ip: '192.0.2.1', browser: '', requestId: 'x' };
      expect(await passwordLinks.change(account, 'een ander wachtwoord', 'uid', origin)).toMatchObject({
        refusal: { code: 'kept_elsewhere' },
      });
    });

    it('is refused after “this was not me”, until the helpdesk has seen who it is', async () => {
      const { email, password, account } = await somebody();
      const origin = { ip: '192.0.2.1', browser: '', requestId: 'x' };
      await installation.d.reports.byOwner(account, 'a test', origin);
      await sync();
      expect((await tryPassword(email, password)).page.status).toBe(401);
      const opened = await installation.d.support.open(
        {
          accountId: account.id,
          kind: 'temporary_pass',
          cause: 'other',
          reason: 'came to the desk with a passport',
          verification: {},
        },
        OPERATOR,
      );
      expect(opened.ok).toBe(true);
      expect((await tryPassword(email, password)).page.status).toBe(200);
    });
  });

  describe('a directory that does not answer', () => {
    it('stops those whom it keeps, with a page that says so; those who are kept here sign in', async () => {
      const { email, password } = await somebody();
      const local = await installation.addPerson();
      await slapd.pause();
      const laptop = await tryPassword(email, password);
      expect([laptop.page.status, laptop.title]).toEqual([503, 'Aanmelden lukt nu even niet']);
      // A stranger cannot tell who is kept where.
      expect((await tryPassword('niemand@example.org', password)).page.status).toBe(503);
      expect((await tryPassword(local.email, 'verkeerd')).page.status).toBe(503);
      expect((await tryPassword(local.email, local.password)).title).toBe('Meer informatie vereist');
      await expect(sync()).rejects.toMatchObject({ code: 'directory_unreachable' });
      expect((await installation.d.directorySync!.last())!.problem).toBe('directory_unreachable');
      expect((await installation.d.accounts.byEmail(email))!.status).toBe('active');
      await slapd.resume();
      installation.clock.advance(11);
      expect((await tryPassword(email, password)).title).toBe('Meer informatie vereist');
      await sync();
      expect((await installation.d.directorySync!.last())!.problem).toBeNull();
    });

    it('lets nobody guess meanwhile: each try counts, and is in the log', async () => {
      const local = await installation.addPerson();
      await slapd.pause();
      const states: number[] = [];
      for (let tries = 0; tries < 12; tries += 1)
        states.push((await tryPassword(local.email, `mis ${tries}`)).page.status);
      expect(states).toContain(503);
      expect(states.at(-1)).toBe(429);
      const events = await installation.d.auditStore.list({
        action: 'password.verified',
        account: local.account.id,
        limit: 50,
      } as never);
      expect(events.length).toBeGreaterThanOrEqual(12);
      // The right one does not come through while others wait.
      expect((await tryPassword(local.email, local.password)).page.status).toBe(429);
    });

    it('is read again soon after, and when a server starts', async () => {
      const { directorySync, accounts } = installation.d;
      await sync();
      const uid = `later${randomUUID().slice(0, 6)}`;
      slapd.add({ uid });
      await slapd.pause();
      await expect(directorySync!.runAtStart()).rejects.toMatchObject({ code: 'directory_unreachable' });
      await slapd.resume();
      installation.clock.advance(60);
      await directorySync!.runIfDue();
      expect(await accountOf(uid)).toBeUndefined();
      installation.clock.advance(300);
      await directorySync!.runIfDue();
      expect((await accountOf(uid))!.source).toBe('ldap');
      slapd.remove(uid);
      await directorySync!.runAtStart();
      expect((await accounts.byEmail(`${uid}@example.org`))!.status).toBe('suspended');
    });

    it('is given up where it agrees to TLS, or takes a connection, and says nothing more', async () => {
      const agrees = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', (asked) =>
          socket.write(ber(0x30, ber(0x02, asked[4]!), ber(0x78, ber(0x0a, 0), ber(0x04), ber(0x04)))),
        );
      });
      const silent = createServer((socket) => socket.on('error', () => {}));
      for (const server of [agrees, silent]) {
        const port = await freePort();
        await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
        const directory = await directoryAt({ LDAP_URL: `ldap://localhost:${port}` });
        await expect(directory.check(undefined, 'x')).rejects.toMatchObject({ code: 'directory_unreachable' });
        server.close();
      }
    });

    it.each([
      ['longer within than without', Buffer.from('300902010163640404003010', 'hex')],
      ['without an end', Buffer.from('3084ffffffff', 'hex')],
      ['of a kind of length that LDAP does not have', Buffer.from('3080020101', 'hex')],
      ['that is none', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ])('and sends a message %s does no harm, before TLS or behind it', async (_what, bytes) => {
      const plain = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.write(bytes));
      });
      const port = await freePort();
      await new Promise<void>((resolve) => plain.listen(port, 'localhost', resolve));
      const fake = await FakeDirectory.start([bytes, bytes]);
      for (const more of [{ LDAP_URL: `ldap://localhost:${port}` }, { LDAP_URL: fake.url, LDAP_CA: fake.ca }]) {
        const directory = await directoryAt(more);
        await expect(directory.check('x', 'x')).rejects.toMatchObject({ code: 'directory_unreachable' });
        await expect((await directoryAt(more)).people()).rejects.toMatchObject({ code: 'directory_unreachable' });
      }
      plain.close();
      await fake.close();
    });

    it('takes the next address where there are more', async () => {
      const { email, password } = await somebody();
      const dead = `ldaps://localhost:${await freePort()}`;
      const other = await startInstallation(slapd.settings({ LDAP_URL: `${dead}, ${slapd.url}` }));
      try {
        const app = await withApp(other);
        await sync({}, other);
        expect((await tryPassword(email, password, app)).title).toBe('Meer informatie vereist');
      } finally {
        await other.close();
      }
    });
  });

  describe('the wire', () => {
    let proxy: Server | undefined;
    afterEach(() => new Promise<void>((resolve) => (proxy ? proxy.close(() => resolve()) : resolve())));

    /** Everything that goes to the directory, seen from between; `cut` after so many bytes from it. */
    async function between(how: { cutAfter?: number; answer?: (asked: Buffer) => Buffer } = {}) {
      const seen: Buffer[] = [];
      let connections = 0;
      proxy = createServer((socket: Socket) => {
        connections += 1;
        let back = 0;
        const on = connect(slapd.port, 'localhost');
        socket.on('data', (part) => {
          seen.push(Buffer.from(part));
          if (how.answer) socket.write(how.answer(part));
          else on.write(part);
        });
        on.on('data', (part) => {
          back += part.length;
          socket.write(part);
          if (how.cutAfter !== undefined && back > how.cutAfter) socket.destroy();
        });
        for (const each of [socket, on]) {
          each.on('error', () => {});
          each.on('close', () => {
            socket.destroy();
            on.destroy();
          });
        }
      });
      const port = await freePort();
      await new Promise<void>((resolve) => proxy!.listen(port, 'localhost', resolve));
      return {
        url: `ldap://localhost:${port}`,
        seen: () => Buffer.concat(seen).toString('latin1'),
        connections: () => connections,
      };
    }

    it('carries nothing before TLS, on the port without TLS too', async () => {
      const { account, password, email } = await somebody();
      const wire = await between();
      const directory = await directoryAt({ LDAP_URL: wire.url });
      expect(await directory.check(account.externalId!, password)).toBe(true);
      expect((await directory.people()).people.map((each) => each.email)).toContain(email);
      for (const secret of [password, READER_PASSWORD, READER, account.externalId!, email])
        expect(wire.seen()).not.toContain(secret);
      expect(wire.seen()).toContain('1.3.6.1.4.1.1466.20037');
    });

    it('is not spoken to again in the clear after it broke', async () => {
      const { account, password } = await somebody();
      for (const cutAfter of [14, 1500, 2500]) {
        const wire = await between({ cutAfter });
        const directory = await directoryAt({ LDAP_URL: wire.url });
        await directory
          .check(account.externalId!, password)
          .catch((error) => expect(error.code).toBe('directory_unreachable'));
        expect(wire.connections()).toBe(1);
        for (const secret of [password, READER_PASSWORD, READER]) expect(wire.seen()).not.toContain(secret);
        await new Promise<void>((resolve) => proxy!.close(() => resolve()));
        proxy = undefined;
      }
    });

    it('is given up where somebody answers that there is no TLS, and by a certificate of nobody we know', async () => {
      const { account, password } = await somebody();
      // ExtendedResponse, protocolError (RFC 4511, section 4.12).
      const wire = await between({
        answer: (asked) =>
          Buffer.from([0x30, 0x0c, 0x02, 0x01, asked[4]!, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00]),
      });
      const stripped = await directoryAt({ LDAP_URL: wire.url });
      await expect(stripped.check(account.externalId!, password)).rejects.toMatchObject({
        code: 'directory_unreachable',
      });
      for (const secret of [password, READER_PASSWORD]) expect(wire.seen()).not.toContain(secret);
      const { makeCertificate } = await import('../support/certificate.ts');
      const { pem } = await makeCertificate('CN=localhost', 'localhost');
      for (const url of [slapd.url, `ldap://localhost:${slapd.port}`]) {
        const stranger = await directoryAt({ LDAP_URL: url, LDAP_CA: pem });
        await expect(stranger.check(account.externalId!, password)).rejects.toMatchObject({
          code: 'directory_unreachable',
        });
        const named = await directoryAt({ LDAP_URL: url.replace('localhost', '127.0.0.1') });
        await expect(named.check(account.externalId!, password)).rejects.toMatchObject({
          code: 'directory_unreachable',
        });
      }
    });
  });

  it('is read by the command line, which says what came of it', async () => {
    const { uid } = await somebody();
    slapd.remove(uid);
    slapd.add({ uid: `${uid}b` });
    const gone = await installation.addPerson(`${uid}c@example.org`);
    await changeAccount(installation, gone.account.id, { status: 'revoked' });
    slapd.add({ uid: `${uid}c` });
    const cli = (...args: string[]) =>
      promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/cli.ts', ...args], {
        env: {
          ...slapd.settings({ LDAP_ATTRIBUTES: 'groups=memberOf' }),
          PATH: process.env.PATH!,
          DATABASE_URL: installation.d.database.url,
          DATABASE_OWNER_URL: installation.ownerUrl,
          DATA_DIR: installation.dataDir,
          PUBLIC_URL: installation.url,
        },
      });
    const dry = await cli('directory', 'sync', '--dry-run');
    expect(dry.stdout).toMatch(/found: 1 added, 0 changed, 1 suspended, 1 refused\.\n/);
    expect(dry.stdout).toContain(`${uid}c@example.org: This account was ended for good.`);
    expect(dry.stdout).toContain('Nothing was changed.');
    const said = JSON.parse((await cli('directory', 'sync', '--json')).stdout);
    expect(said).toMatchObject({ added: 1, suspended: 1, refused: 1, problem: null });
    expect((await cli('directory', 'show')).stdout).toMatch(/^Read \d{4}-.*Z\.\n\d+ found: 1 added/);
    slapd.remove(`${uid}c`);
  });

  it('needs all its settings, and says which are missing', async () => {
    const { loadConfig } = await import('../../src/config/load.ts');
    const load = (more: Record<string, string>) =>
      loadConfig({ DATA_DIR: installation.dataDir, ...more }, installation.d.random);
    expect(() => load({ LDAP_URL: slapd.url })).toThrow(/LDAP_BIND_DN.*LDAP_BIND_PASSWORD.*LDAP_BASE/s);
    expect(() => load(slapd.settings({ LDAP_URL: 'http://localhost' }))).toThrow(/LDAP_URL/);
    expect(() => load(slapd.settings({ LDAP_ATTRIBUTES: 'mail' }))).toThrow(/LDAP_ATTRIBUTES/);
    await expect(startInstallation(slapd.settings({ LDAP_FILTER: '((' }))).rejects.toThrow(/LDAP_FILTER/);
  });
});
