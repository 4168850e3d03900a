import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { WebAuthnEmulator } from 'nid-webauthn-emulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS, type Permission } from '../../src/core/permissions.ts';
import { ROLES, type Role } from '../../src/core/roles.ts';
import { permissionsOf } from '../../src/policy/permissions.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import type { Phone } from '../support/phone.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, enrolKey, enrolPhone, givePassword, goOn } from '../support/story.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;

beforeAll(async () => {
  installation = await startInstallation({ ADMIN_ACR: 'mfa' });
  rp = await withApp(installation);
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

async function withApp(to: TestInstallation): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await to.addClient({ id: 'app', redirectUris: [redirectUri] });
  return RelyingParty.discover(to.url, 'app', secret, redirectUri);
}

interface Staff {
  readonly laptop: Laptop;
  readonly phone: Phone;
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

/** Somebody who administers, signed in at a laptop just now. */
async function enter(role?: Role): Promise<Staff> {
  const { account, ...who } = await installation.addPerson(undefined, role ? { role } : {});
  const laptop = new Laptop();
  await givePassword(laptop, rp, who);
  const phone = await enrolPhone(laptop, installation.url);
  await goOn(laptop, rp);
  await laptop.open(`${installation.url}/admin`);
  return { laptop, phone, id: account.id, ...who };
}

const at = (path: string): string => `${installation.url}${path}`;

/** Signs in again where the console asks for it, and lands where it was going. */
async function signInAgain({ laptop, phone, email, password }: Staff): Promise<void> {
  // A phone's proofs carry the machine's own time.
  installation.clock.reset();
  await laptop.submit('/password', { email, password });
  const here = laptop.page.url;
  const approved = await phone.approve(laptop.number);
  if (approved.status !== 200) throw new Error(JSON.stringify(approved));
  await laptop.open(here);
}

/** Every address of the console, and what it takes. A new one that is not here fails the test below. */
const PAGES: readonly (readonly [method: string, path: string, permission: Permission])[] = [
  ['GET', '/admin', 'accounts:read'],
  ['GET', '/admin/stay', 'accounts:read'],
  ['GET', '/admin/start', 'settings:write'],
  ['POST', '/admin/start', 'settings:write'],
  ['GET', '/admin/check', 'settings:read'],
  ['GET', '/admin/organisation', 'settings:write'],
  ['POST', '/admin/organisation', 'settings:write'],
  ['GET', '/admin/people', 'accounts:read'],
  ['GET', '/admin/people/new', 'accounts:write'],
  ['POST', '/admin/people/new', 'accounts:write'],
  ['GET', '/admin/people/:id', 'accounts:read'],
  ['GET', '/admin/people/:id/edit', 'accounts:write'],
  ['POST', '/admin/people/:id/edit', 'accounts:write'],
  ['GET', '/admin/people/:id/suspend', 'accounts:write'],
  ['POST', '/admin/people/:id/suspend', 'accounts:write'],
  ['GET', '/admin/people/:id/resume', 'accounts:write'],
  ['POST', '/admin/people/:id/resume', 'accounts:write'],
  ['GET', '/admin/people/:id/revoke', 'accounts:write'],
  ['POST', '/admin/people/:id/revoke', 'accounts:write'],
  ['GET', '/admin/people/:id/erase', 'accounts:write'],
  ['POST', '/admin/people/:id/erase', 'accounts:write'],
  ['GET', '/admin/people/:id/sign-out', 'sessions:end'],
  ['POST', '/admin/people/:id/sign-out', 'sessions:end'],
  ['GET', '/admin/people/:id/invite', 'invitations:write'],
  ['POST', '/admin/people/:id/invite', 'invitations:write'],
  ['GET', '/admin/people/:id/authenticators/:authenticatorId', 'authenticators:reset'],
  ['POST', '/admin/people/:id/authenticators/:authenticatorId', 'authenticators:reset'],
  ['GET', '/admin/people/:id/verify', 'callers:verify'],
  ['POST', '/admin/people/:id/verify', 'callers:verify'],
  ['GET', '/admin/people/:id/verify/:challengeId', 'callers:verify'],
  ['GET', '/admin/people/:id/verify/:challengeId/events', 'callers:verify'],
  ['GET', '/admin/people/:id/reset', 'authenticators:reset'],
  ['POST', '/admin/people/:id/reset', 'authenticators:reset'],
  ['GET', '/admin/people/:id/pass', 'passes:write'],
  ['POST', '/admin/people/:id/pass', 'passes:write'],
  ['GET', '/admin/alerts', 'alerts:read'],
  ['POST', '/admin/alerts/:id', 'alerts:write'],
  ['GET', '/admin/audit', 'audit:read'],
  ['GET', '/admin/audit/events/:id', 'audit:read'],
  ['GET', '/admin/audit/export', 'audit:read'],
  ['POST', '/admin/audit/verify', 'audit:read'],
  ['GET', '/admin/campaigns', 'coverage:read'],
  ['GET', '/admin/entra', 'coverage:read'],
  ['GET', '/admin/entra/plan', 'accounts:write'],
  ['POST', '/admin/entra/plan', 'accounts:write'],
  ['GET', '/admin/campaigns/new', 'campaigns:write'],
  ['POST', '/admin/campaigns/new', 'campaigns:write'],
  ['GET', '/admin/campaigns/:id', 'coverage:read'],
  ['POST', '/admin/campaigns/:id/end', 'campaigns:write'],
  ['GET', '/admin/imports', 'imports:write'],
  ['POST', '/admin/imports', 'imports:write'],
  ['GET', '/admin/imports/:id', 'imports:write'],
  ['GET', '/admin/imports/:id/progress', 'imports:write'],
  ['POST', '/admin/imports/:id/run', 'imports:write'],
  ['POST', '/admin/imports/:id/stop', 'imports:write'],
  ['GET', '/admin/imports/:id/refused.csv', 'imports:write'],
  ['GET', '/admin/imports/:id/report.csv', 'imports:write'],
  ['GET', '/admin/people.csv', 'accounts:read'],
  ['GET', '/admin/cases', 'cases:read'],
  ['POST', '/admin/cases/:id/approve', 'cases:decide'],
  ['POST', '/admin/cases/:id/cancel', 'cases:decide'],
  ['GET', '/admin/clients', 'clients:read'],
  ['GET', '/admin/clients/new', 'clients:write'],
  ['POST', '/admin/clients/new', 'clients:write'],
  ['GET', '/admin/clients/:id', 'clients:read'],
  ['GET', '/admin/clients/:id/check', 'clients:read'],
  ['POST', '/admin/clients/:id/check', 'clients:read'],
  ['GET', '/admin/clients/:id/edit', 'clients:write'],
  ['POST', '/admin/clients/:id/edit', 'clients:write'],
  ['GET', '/admin/clients/:id/secret', 'clients:write'],
  ['POST', '/admin/clients/:id/secret', 'clients:write'],
  ['GET', '/admin/clients/:id/switch', 'clients:write'],
  ['POST', '/admin/clients/:id/switch', 'clients:write'],
  ['GET', '/admin/coverage', 'coverage:read'],
  ['GET', '/admin/coverage.csv', 'coverage:read'],
  ['GET', '/admin/policy', 'policy:read'],
  ['GET', '/admin/policy/edit', 'policy:write'],
  ['POST', '/admin/policy/edit', 'policy:write'],
  ['GET', '/admin/policy/what-if', 'policy:read'],
  ['GET', '/admin/settings', 'settings:read'],
  ['GET', '/admin/norms', 'settings:read'],
  ['GET', '/admin/webhooks', 'webhooks:read'],
  ['GET', '/admin/webhooks/new', 'webhooks:write'],
  ['POST', '/admin/webhooks/new', 'webhooks:write'],
  ['POST', '/admin/webhooks/:id/again/:deliveryId', 'webhooks:write'],
  ['POST', '/admin/webhooks/:id/ping', 'webhooks:write'],
  ['GET', '/admin/webhooks/:id/remove', 'webhooks:write'],
  ['POST', '/admin/webhooks/:id/remove', 'webhooks:write'],
];

const SOMEBODY = '00000000-0000-4000-8000-000000000000';
const filled = (path: string): string =>
  path
    .replace(':id/verify/:challengeId', `${SOMEBODY}/verify/${'x'.repeat(22)}`)
    .replace(':id', path.includes('/clients/') ? 'nobody' : SOMEBODY)
    .replace(/:\w+/g, SOMEBODY);

/** A public key that lies on its curve. */
const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const PUBLIC = { x: x!, y: y! };

describe('the doors of the console', () => {
  it('are closed to an employee and to a stranger', async () => {
    const { laptop } = await enter();
    expect(laptop.page.status).toBe(403);
    for (const [method, path] of PAGES) {
      const response = await laptop.send(at(filled(path)), { method, headers: { origin: installation.url } });
      expect(response.status, `${method} ${path}`).toBe(403);
    }
    const stranger = await new Laptop().send(at('/admin/people'));
    expect(stranger.status).toBe(303);
    expect(stranger.headers.get('location')).toBe('/mfa/sign-in?console=strong');
  });

  it.each(ROLES)('open for %s to what that role may do, and to nothing else', async (role) => {
    const { laptop } = await enter(role);
    expect(laptop.page.status).toBe(200);
    const may = new Set(permissionsOf(role));
    const token = /name="_csrf" value="([^"]+)"/.exec((await laptop.open(at('/mfa'))).html)?.[1] ?? '';
    for (const [method, path, permission] of PAGES) {
      const response = await laptop.send(at(filled(path)), {
        method,
        headers: { origin: installation.url },
        ...(method === 'POST' ? { body: new URLSearchParams({ _csrf: token, version: '1' }) } : {}),
      });
      const isIn = response.status !== 403;
      expect(isIn, `${role}: ${method} ${path} ${response.status}`).toBe(may.has(permission));
      expect(response.status, `${role}: ${method} ${path}`).toBeLessThan(500);
      await response.body?.cancel();
    }
  });

  it('are all listed here', () => {
    const tree = installation.app.printRoutes({ commonPrefix: false, includeHooks: false });
    const listed = new Set(PAGES.flatMap(([method, path]) => `${method} ${path}`));
    const parents: string[] = [];
    const found: string[] = [];
    for (const line of tree.split('\n')) {
      const [, indent, segment, methods] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
      if (segment === undefined) continue;
      const depth = indent!.length / 4;
      parents.length = depth;
      parents[depth] = segment;
      const path = parents.join('');
      // With a slash at the end it only leads on.
      if (!path.startsWith('/admin') || path === '/admin/' || !methods) continue;
      for (const method of methods.split(', ')) if (method !== 'HEAD') found.push(`${method} ${path}`);
    }
    expect(found.length).toBeGreaterThan(40);
    expect(found.filter((each) => !listed.has(each)).sort()).toEqual([]);
    expect(new Set(PAGES.map(([, , permission]) => permission)).size).toBeGreaterThan(PERMISSIONS.length / 2);
  });

  it('ask for a passkey unless the organisation says otherwise', async () => {
    const strict = await startInstallation();
    try {
      const app = await withApp(strict);
      const { account: _, ...who } = await strict.addPerson(undefined, { role: 'helpdesk' });
      const laptop = new Laptop();
      await givePassword(laptop, app, who);
      await enrolPhone(laptop, strict.url);
      await goOn(laptop, app);
      await laptop.open(`${strict.url}/admin`);
      expect(laptop.page.url).toContain('/interaction/');
      const key = new WebAuthnEmulator();
      await enrolKey(laptop, strict.url, key);
      const on = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)?.[1];
      await laptop.open(new URL(on!, strict.url).href);
      expect([laptop.page.status, laptop.page.url]).toEqual([200, `${strict.url}/admin`]);
    } finally {
      await strict.close();
    }
  });
});

describe('the owner of a new installation', () => {
  it('sees what is still to be done, what is done already, and that mails arrive', async () => {
    const { laptop, email } = await enter('owner');
    const row = (step: string): string =>
      new RegExp(`<tr[^>]*>(?:(?!</tr>)[\\s\\S])*${step}[\\s\\S]*?</tr>`).exec(laptop.page.html)?.[0] ?? '';
    expect(laptop.page.html).toMatch(/Eerste stappen: \d van 6 gedaan/);
    expect(row('Stel een toegangssleutel')).toContain('Nog te doen');
    expect(row('Uw organisatie: naam')).toContain('Nog te doen');
    expect(row('Sluit een eerste webapplicatie aan')).toContain('Gedaan');
    await laptop.open(at('/admin/start?step=mail'));
    expect(laptop.page.html).toContain('SMTP_URL is niet ingesteld');
    await laptop.submit('/admin/start');
    expect(laptop.page.html).toContain('De proefmail is onderweg');
    const outbox = join(installation.dataDir, 'outbox');
    await expect
      .poll(() =>
        readdirSync(outbox)
          .map((file) => readFileSync(join(outbox, file), 'utf8'))
          .join('\n'),
      )
      .toMatch(new RegExp(`To: ${email}[\\s\\S]*Deze mail is een proef`));
  });

  it('is the only one who sees them', async () => {
    const { laptop } = await enter('administrator');
    expect(laptop.page.html).not.toContain('Eerste stappen');
  });
});

describe('an administrator who has been away', () => {
  it('signs in again after a quarter of an hour idle', async () => {
    const staff = await enter('helpdesk');
    installation.clock.advance(14 * 60);
    expect((await staff.laptop.send(at('/admin/people'))).status).toBe(200);
    installation.clock.advance(14 * 60);
    expect((await staff.laptop.send(at('/admin/people'))).status).toBe(200);
    installation.clock.advance(15 * 60 + 1);
    // Neither by trying twice, nor by asking for less.
    await staff.laptop.send(at('/admin/people?q=x'));
    await staff.laptop.open(at('/mfa/sign-in?console=strong'));
    await staff.laptop.open(at('/admin/people?q=x'));
    expect(staff.laptop.page.url).toContain('/interaction/');
    await signInAgain(staff);
    expect(staff.laptop.page.url).toBe(at('/admin/people?q=x'));
  });

  it('is not let in again by a browser that forgets the console’s cookie', async () => {
    const { laptop } = await enter('helpdesk');
    installation.clock.advance(15 * 60 + 1);
    laptop.forgetCookie('portal');
    await laptop.open(at('/admin/people'));
    expect(laptop.page.url).toContain('/interaction/');
    // Nor by using the web apps in between, which goes on without a word.
    await laptop.open((await rp.request()).url, {}, rp.redirectUri);
    expect(laptop.page.url).toContain('code=');
    laptop.forgetCookie('portal');
    await laptop.open(at('/admin'));
    expect(laptop.page.url).toContain('/interaction/');
  });

  it('is not kept in by a page that looks again by itself', async () => {
    const { laptop } = await enter('administrator');
    installation.clock.advance(14 * 60);
    expect((await laptop.send(at('/admin/settings?look=again'))).status).toBe(200);
    installation.clock.advance(2 * 60);
    await laptop.open(at('/admin/settings'));
    expect(laptop.page.url).toContain('/interaction/');
  });

  it('stays in as long as it is used, however long ago a web app was opened', async () => {
    const { laptop } = await enter('administrator');
    for (let time = 0; time < 8; time += 1) {
      installation.clock.advance(13 * 60);
      expect((await laptop.send(at('/admin/stay'))).status).toBe(204);
    }
  });

  it('keeps what was typed about the organisation, and where it was going', async () => {
    const staff = await enter('owner');
    const { laptop } = staff;
    await laptop.open(at('/admin/start?step=organisation'));
    installation.clock.advance(11 * 60);
    await laptop.submit('/admin/organisation', { supportName: 'Loket Noord', supportPhone: '030 123 45 67' });
    await signInAgain(staff);
    expect(laptop.page.url).toBe(at('/admin/organisation'));
    expect(laptop.page.html).toContain('value="Loket Noord"');
    expect(laptop.page.html).toContain('name="next" value="start"');
  });

  it('sees once more what dividing people would do', async () => {
    const staff = await enter('owner');
    const { laptop } = staff;
    await laptop.open(at('/admin/entra/plan?sizes=3&prefix=groep'));
    installation.clock.advance(11 * 60);
    await laptop.submit('/admin/entra/plan', {});
    await signInAgain(staff);
    expect(laptop.page.url).toBe(at('/admin/entra/plan'));
    expect(laptop.page.html).toContain('groep-3');
    await laptop.submit('/admin/entra/plan', {});
    expect(laptop.page.html).toContain('De mensen zijn verdeeld');
  });

  it('shows fresh strength before a dangerous act, and nothing typed is lost', async () => {
    const staff = await enter('helpdesk');
    const { laptop } = staff;
    await laptop.open(at(`/admin/people/${person.accountId}/reset`));
    installation.clock.advance(11 * 60);
    await laptop.submit('/reset', { cause: 'stolen', reason: 'a thief on a bicycle', identity: 'knew the number' });
    expect(laptop.page.url).toContain('/interaction/');
    await signInAgain(staff);
    expect((await person.phone.call('GET', '/app/api/challenges')).status).toBe(200);
    expect(laptop.page.url).toBe(at(`/admin/people/${person.accountId}/reset`));
    expect(laptop.page.html).toContain('a thief on a bicycle');
    expect(laptop.page.html).toMatch(/value="stolen" checked/);
  });
});

describe('the helpdesk, without script', () => {
  it('finds a caller, makes sure who it is by push, and resets the phone', async () => {
    const caller = await addEnrolledPerson(installation, new Laptop(), rp);
    await installation.d.database.sql`DELETE FROM challenge`;
    const { laptop } = await enter('helpdesk');
    await installation.d.database.sql`DELETE FROM challenge`;
    await laptop.open(at(`/admin/people?q=${encodeURIComponent(caller.email)}`));
    expect(laptop.page.html).toContain(`/admin/people/${caller.accountId}`);
    await laptop.open(at(`/admin/people/${caller.accountId}/verify`));
    await laptop.submit('/verify');
    const verifyPage = laptop.page.url;
    expect(laptop.page.html).toContain('http-equiv="refresh"');
    expect((await caller.phone.approve(laptop.number)).status).toBe(200);
    await laptop.open(verifyPage);
    const path = /href="(\/admin\/people\/[^"]+\/reset\?check=[^"]+)"/.exec(laptop.page.html)?.[1];
    // Another of the helpdesk sees nothing of it (IDOR).
    const { laptop: other } = await enter('helpdesk');
    expect((await other.open(verifyPage)).html).not.toContain('/reset?check=');
    await laptop.open(at(path!));
    await laptop.submit('/reset', { reason: 'fell in the canal' });
    expect(laptop.page.html).toContain('Kies wat er aan de hand is.');
    await laptop.submit('/reset', { cause: 'broken', reason: '' });
    expect(laptop.page.status).toBe(422);
    await laptop.submit('/reset', { cause: 'broken', reason: 'fell in the canal' });
    expect(laptop.page.status).toBe(200);
    const pass = /class="code typed secret">([^<]+)</.exec(laptop.page.html)?.[1];
    expect(pass).toMatch(/^[A-Z0-9]{4}/);
    expect((await caller.phone.call('GET', '/app/api/challenges')).status).toBe(401);
  });

  it('waits for a second person where nobody was verified, who may say no as well', async () => {
    const asker = await enter('helpdesk');
    await asker.laptop.open(at(`/admin/people/${person.accountId}/reset`));
    await asker.laptop.submit('/reset', { cause: 'lost', reason: 'says that it fell into a canal' });
    const other = await enter('helpdesk');
    await other.laptop.open(at('/admin/cases'));
    expect(other.laptop.page.html).toContain('Afwijzen');
    await other.laptop.submit('/cancel');
    expect(other.laptop.page.html).toContain('afgewezen');
    await other.laptop.open(at('/admin/cases'));
    expect(other.laptop.page.html).not.toContain('/approve"');
    expect((await person.phone.call('GET', '/app/api/challenges')).status).toBe(200);
  });

  it('cannot reset somebody with a role, nor itself', async () => {
    const { laptop, id } = await enter('helpdesk');
    const { account: boss } = await installation.addPerson(undefined, { role: 'administrator' });
    for (const target of [boss.id, id]) {
      await laptop.open(at(`/admin/people/${target}/reset`));
      await laptop.submit('/reset', { cause: 'lost', reason: 'asked nicely', identity: 'looked at them' });
      expect(laptop.page.status).toBe(422);
    }
    // A field that the form does not have changes nothing (mass assignment).
    const admin = await enter('administrator');
    await admin.laptop.open(at(`/admin/people/${person.accountId}/edit`));
    await admin.laptop.submit('/edit', {
      email: person.email,
      displayName: 'Test Persoon',
      role: 'owner',
      status: 'revoked',
      source: 'scim',
    });
    const after = (await installation.d.accounts.byId(person.accountId))!;
    expect([after.role, after.status, after.source]).toEqual([null, 'active', 'local']);
  });
});

describe('people, in the console', () => {
  it('are told every mistake at once, each at its field, and are added without', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/people/new'));
    const typed = { displayName: 'Iemand', locale: '' };
    await laptop.submit('/new', {
      ...typed,
      email: 'geen-adres',
      notifyEmail: 'ook niet',
      groups: 'a|b\ninkoop, Zuid',
    });
    expect(laptop.page.status).toBe(422);
    for (const field of ['email', 'notifyEmail', 'groups'])
      expect(laptop.page.html).toContain(`<a href="#f-${field}">`);
    const email = `nieuw-${randomUUID()}@example.org`;
    await laptop.submit('/new', { ...typed, email, groups: 'inkoop, Zuid\nverkoop' });
    // With a comma in it, a group is still one.
    expect((await installation.d.accounts.byEmail(email))!.groups).toEqual(['inkoop, Zuid', 'verkoop']);
  });

  it('are erased after their account was ended, and their events still open', async () => {
    const { laptop } = await enter('administrator');
    const { account } = await installation.addPerson();
    const path = at(`/admin/people/${account.id}`);
    await laptop.open(`${path}/erase`);
    expect(laptop.title).toBe(`Alles van ${account.displayName} wissen?`);
    await laptop.submit('/erase');
    expect(laptop.page.html).toContain('Dit account is nog niet beëindigd.');
    await laptop.open(`${path}/revoke`);
    await laptop.submit('/revoke');
    expect(laptop.page.html).toContain(`href="/admin/people/${account.id}/erase"`);
    await laptop.open(`${path}/erase`);
    await laptop.submit('/erase');
    expect([laptop.page.url, laptop.page.html]).toEqual([
      at('/admin/people'),
      expect.stringContaining('Alles van deze persoon is gewist.'),
    ]);
    expect((await laptop.open(path)).status).toBe(404);
    const [event] = await installation.d.auditStore.list({ accountId: account.id, action: 'account.erased', limit: 1 });
    for (const shown of [`/admin/audit?account=${account.id}`, `/admin/audit/events/${event!.id}`]) {
      await laptop.open(at(shown));
      expect([laptop.page.status, laptop.page.html]).toEqual([200, expect.stringContaining('account.erased')]);
    }
  });
});

describe('a campaign, in the console', () => {
  it('is for people who are there, one at a time', async () => {
    const { laptop } = await enter('administrator');
    const group = `groep-${randomUUID()}`;
    const deadline = new Date(installation.clock.now().getTime() + 9 * 86_400_000).toISOString().slice(0, 10);
    const start = async () => {
      await laptop.open(at('/admin/campaigns/new'));
      const startsOn = installation.clock.now().toISOString().slice(0, 10);
      await laptop.submit('/new', { name: 'M', group, startsOn, deadline, every: '7' });
      return laptop.page.html;
    };
    expect(await start()).toContain('In deze groep zit niemand');
    const { accounts, clock } = installation.d;
    await accounts.change(person.accountId, { groups: [group] }, clock.now());
    expect(await start()).not.toContain('In deze groep');
    expect(laptop.title).toBe('M');
    expect(await start()).toContain('Voor deze groep loopt al een campagne');
  });
});

describe('an alert, in the console', () => {
  it('leads to the person and to what was counted', async () => {
    await installation.d.alerts.raise(
      'new_administrator',
      { subject: `account:${person.accountId}`, count: 1, firstAt: new Date(), lastAt: new Date() },
      installation.clock.now(),
    );
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/alerts'));
    expect(laptop.page.html).toContain(`<a href="/admin/people/${person.accountId}">`);
    const [, events] = /href="(\/admin\/audit\?[^"]+)"/.exec(laptop.page.html)!;
    const query = new URLSearchParams(events!.split('?')[1]!.replaceAll('&amp;', '&'));
    expect(query.get('action')).toBe('role.given');
    expect(query.get('account')).toMatch(/@/);
    expect((await laptop.open(at(events!.replaceAll('&amp;', '&')))).status).toBe(200);
  });
});

describe('web apps and programs, in the console', () => {
  const keys = JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', kid: 'a', ...PUBLIC }] });

  it('are asked only what their kind needs, and finished there', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/clients/new'));
    expect(laptop.page.html).toContain('value="nl_gov"');
    expect(laptop.page.html).not.toContain('name="redirectUris"');
    await laptop.open(at('/admin/clients/new?profile=nl_gov'));
    await laptop.submit('/new', {
      id: 'gemeente',
      profile: 'nl_gov',
      name: 'Loket',
      redirectUris: 'https://loket.example.org/terug',
      jwks: keys,
    });
    expect(laptop.page.status).toBe(200);
    const loket = (await installation.d.clients.byId('gemeente'))!;
    expect(loket.metadata).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt', subject_type: 'pairwise' });
    expect(loket.metadata.jwks).toEqual(JSON.parse(keys));
    await laptop.open(at('/admin/clients/new?profile=machine'));
    expect(laptop.page.html).not.toContain('name="redirectUris"');
    const resources = 'https://api.example.org = lezen, schrijven';
    await laptop.submit('/new', { id: 'robot', profile: 'machine', name: 'Robot', resources });
    expect((await installation.d.clients.byId('robot'))!.settings.resources).toEqual([
      { uri: 'https://api.example.org', scopes: ['lezen', 'schrijven'], format: 'jwt' },
    ]);
    // What its form does not show stays.
    await laptop.open(at('/admin/clients/gemeente/edit'));
    const redirectUris = 'https://loket.example.org/terug';
    await laptop.submit('/edit', { name: 'Loket van de gemeente', redirectUris, jwks: keys });
    const renamed = (await installation.d.clients.byId('gemeente'))!;
    expect([renamed.name, renamed.metadata.jwks]).toEqual(['Loket van de gemeente', loket.metadata.jwks]);
  });

  it('say every mistake in Dutch, at its field, and lose nothing', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/clients/new?profile=fapi2'));
    const [jwks, redirectUris] = ['{ geen json', 'http://elders.example.org/'];
    const bank = { id: 'bank', profile: 'fapi2', name: 'Bank' };
    await laptop.submit('/new', { ...bank, redirectUris, jwks });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).toMatch(/<title>Fout: /);
    expect(laptop.page.html).toMatch(
      /<textarea id="f-jwks"[^>]*aria-describedby="f-jwks-hint f-jwks-mistake" aria-invalid/,
    );
    await laptop.submit('/new', { ...bank, redirectUris, jwks: '' });
    const { html } = laptop.page;
    expect(html).toContain('een adres begint met https, behalve op localhost');
    expect(html).toContain('<a href="#f-redirectUris">');
    expect(html).toContain('Geef de openbare sleutels');
    expect(html).toContain('http://elders.example.org/</textarea>');
    const secret = JSON.stringify({ kty: 'EC', crv: 'P-256', ...PUBLIC, d: PUBLIC.x });
    await laptop.submit('/new', { ...bank, jwks: secret, redirectUris: 'https://bank.example.org/' });
    expect(laptop.page.html).toContain('Dit is een geheime sleutel');
    expect(await installation.d.clients.byId('bank')).toBeUndefined();
  });

  it('have a policy that says in Dutch where it goes wrong', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/policy/edit'));
    await laptop.submit('/edit', { document: '{\n  "rules": [}\n}' });
    expect(laptop.page.html).toContain('Het gaat mis op regel 2, teken 13.');
    await laptop.submit('/edit', { document: '{ "rules": [{ "name": "a", "outcome": { "require": "aal4" } }] }' });
    expect(laptop.page.html).toContain('“a”.outcome.require: kies uit mfa, phr.');
  });

  it('name people, not numbers, and say in Dutch what a setting means', async () => {
    const { laptop, email } = await enter('owner');
    await laptop.open(at('/admin/policy/edit'));
    await laptop.submit('/edit', { document: '{ "rules": [] }' });
    expect(laptop.page.html).toContain(`>${email}</td>`);
    await laptop.open(at('/admin/settings'));
    expect(laptop.page.html).toContain('De TCP-poort waarop wordt geluisterd.');
    expect(laptop.page.html).toContain('10 (standaard)');
    await laptop.open(at('/admin/clients/robot/check'));
    await laptop.submit('/check', { start: 'onzin' });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).toContain('onzin: dit is geen adres.');
  });

  it('are told of events that exist only', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/webhooks/new'));
    await laptop.submit('/new', { url: 'https://siem.example.org/', events: 'account.exploded' });
    expect(laptop.page.html).toContain('Deze gebeurtenis bestaat niet.');
    await laptop.submit('/new', { url: 'https://siem.example.org/', events: 'account.*, alert.raised' });
    expect(laptop.page.html).toContain('whsec_');
  });
});

describe('the log, in the console', () => {
  it('is searched by whoever did it, by their address', async () => {
    const staff = await enter('administrator');
    await staff.laptop.open(at(`/admin/people/${person.accountId}/sign-out`));
    await staff.laptop.submit('/sign-out');
    await staff.laptop.open(at(`/admin/audit?actor=${encodeURIComponent(staff.email)}&action=session.ended`));
    expect(staff.laptop.page.html).toContain('>session.ended</td>');
    const [, event] = /href="(\/admin\/audit\/events\/\d+)"/.exec(staff.laptop.page.html)!;
    await staff.laptop.open(at(event!));
    expect(staff.laptop.title).toBe('session.ended');
    expect(staff.laptop.page.html).toContain(`(${staff.email})</dd>`);
    for (const id of ['0', 'x', '999999999999999999'])
      expect((await staff.laptop.open(at(`/admin/audit/events/${id}`))).status).toBe(404);
    await staff.laptop.open(at(`/admin/audit?actor=${encodeURIComponent('niemand@example.org')}`));
    expect(staff.laptop.page.html).not.toContain('>session.ended</td>');
  });

  it('shows nothing, and says why, where a day cannot be read', async () => {
    const { laptop } = await enter('auditor');
    await laptop.open(at('/admin/audit?from=gisteren'));
    expect(laptop.page.html).toContain('“gisteren” is geen datum');
    expect(laptop.page.html).not.toContain('/admin/audit/events/');
  });
});

describe('people from a file, in the console', () => {
  it('are looked over, taken over, and the bad lines come back', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/imports'));
    const token = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)?.[1] ?? '';
    const send = (file: string, csrf = token) => {
      const form = new FormData();
      form.set('_csrf', csrf);
      form.set('file', new Blob([file], { type: 'text/csv' }), 'mensen.csv');
      return laptop.open(at('/admin/imports'), { method: 'POST', body: form, headers: { origin: installation.url } });
    };
    await send('email,name\nconsole1@example.org,Een\nniet goed,Twee\n', 'forged');
    expect(laptop.page.status).toBe(403);
    await send('naam\nEen\n');
    expect(laptop.page.status).toBe(422);
    await send('email,wachtwoord\nconsole1@example.org,geheim\n');
    expect(laptop.page.html).toContain('kolommen die wij niet kennen: wachtwoord.');
    await send('email,name\nconsole1@example.org,Een\nniet goed,Twee\n');
    const here = laptop.page.url;
    await expect.poll(async () => (await laptop.open(here)).html).toContain('Er is nog niets veranderd');
    expect(await installation.d.accounts.byEmail('console1@example.org')).toBeUndefined();
    await laptop.submit('/run');
    await expect.poll(async () => (await laptop.open(here)).html).toContain('Dit is er gebeurd');
    expect(await installation.d.accounts.byEmail('console1@example.org')).toBeDefined();
    const bad = await (await laptop.send(`${here}/refused.csv`)).text();
    expect(bad).toContain('niet goed,Twee,');
    expect(bad).toContain('(kolom email: “niet goed”)');
    expect(await (await laptop.send(at('/admin/people.csv'))).text()).toContain('console1@example.org');
  });

  it('are not read for a stranger, who is sent away before the file ends', async () => {
    const begin = '--a\r\ncontent-disposition: form-data; name="file"; filename="x.csv"\r\n\r\nemail\n';
    const seen = await new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=a', origin: installation.url };
      const call = request(at('/admin/imports'), { method: 'POST', headers });
      call.on('response', (answer) => {
        resolve(answer.statusCode!);
        call.destroy();
      });
      call.on('error', reject);
      // Never ended: whoever waits for the end waits for ever.
      call.write(begin);
    });
    expect(seen).toBe(403);
  });

  it('end no process, however they are cut off, by a stranger or one who may', async () => {
    const { laptop } = await enter('administrator');
    await laptop.open(at('/admin/imports'));
    const token = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)?.[1] ?? '';
    const field = `--a\r\ncontent-disposition: form-data; name="_csrf"\r\n\r\n${token}\r\n`;
    const begin = (name: string) =>
      `${field}--a\r\ncontent-disposition: form-data; name="${name}"; filename="x.csv"\r\n\r\nemail\nx@example.org\n`;
    const headers = { 'content-type': 'multipart/form-data; boundary=a', origin: installation.url };
    for (const who of [laptop, new Laptop()])
      for (const name of ['file', 'other']) {
        const cut = await who.send(at('/admin/imports'), { method: 'POST', body: begin(name), headers });
        expect(cut.status).toBeGreaterThanOrEqual(300);
        expect(cut.status).toBeLessThan(500);
        await new Promise<void>((resolve) => {
          const call = request(at('/admin/imports'), { method: 'POST', headers });
          call.on('error', () => resolve());
          call.write(begin(name));
          setTimeout(() => call.destroy(new Error('gone')), 20);
        });
      }
    expect((await laptop.send(at('/admin'))).status).toBe(200);
    expect(await installation.d.database.sql`SELECT 1 FROM import_job WHERE size < 0`).toEqual([]);
  });

  it('are refused as forms that cannot be read, and lost in the middle of nothing', async () => {
    const { laptop } = await enter('administrator');
    for (const [type, body] of [
      ['multipart/form-data', 'x'],
      ['multipart/form-data; boundary=a', '--a\r\nno header'],
      ['multipart/form-data; boundary=a', ''],
    ] as const) {
      const headers = { 'content-type': type, origin: installation.url };
      const answer = await laptop.send(at('/admin/imports'), { method: 'POST', body, headers });
      expect(answer.status, type).toBeGreaterThanOrEqual(400);
      expect(answer.status, type).toBeLessThan(500);
    }
  });
});
