import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiPerson, apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson } from '../support/story.ts';

const JUDGE = join(import.meta.dirname, '../../.judges/bin/python');
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

let installation: TestInstallation;
let token: string;

beforeAll(async () => {
  installation = await startInstallation({ API_CALLS_PER_MINUTE: '100000' });
  token = (await apiProgram(installation, ['directory:write'])).token;
});
afterAll(() => installation.close());

async function call(method: string, path: string, body?: unknown, bearer = token) {
  const answer = await fetch(`${installation.url}/scim/v2${path}`, {
    method,
    headers: {
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (text) expect(answer.headers.get('content-type')).toContain('application/scim+json');
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what a test looks at.
  return { status: answer.status, headers: answer.headers, body: (text ? JSON.parse(text) : undefined) as any };
}
let people = 0;
const makeUser = async (more: object = {}) => {
  people += 1;
  const user = { schemas: [USER], userName: `scim${people}@example.org`, displayName: `Scim ${people}`, ...more };
  return call('POST', '/Users', user);
};
const patch = (path: string, ...Operations: object[]) => call('PATCH', path, { schemas: [PATCH], Operations });
const account = (id: string) => installation.d.accounts.byId(id);

describe('a directory, by SCIM', () => {
  it('changes parts of a person at the same moment, and none of them is lost', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const { id } = (await makeUser()).body;
      const answers = await Promise.all([
        patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false }),
        patch(`/Users/${id}`, { op: 'replace', path: 'displayName', value: 'Nieuwe Naam' }),
        patch(`/Users/${id}`, { op: 'replace', path: 'externalId', value: `nummer ${id}` }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(await account(id)).toMatchObject({
        status: 'suspended',
        displayName: 'Nieuwe Naam',
        externalId: `nummer ${id}`,
      });
    }
  });

  it.skipIf(!existsSync(JUDGE))('is served as RFC 7643 and RFC 7644 say, to a client that is not ours', async () => {
    const run = promisify(execFile);
    const script = join(import.meta.dirname, '../support/scim-judge.py');
    const { stdout } = await run(JUDGE, [script, `${installation.url}/scim/v2`, token], { maxBuffer: 50_000_000 });
    const results = JSON.parse(stdout) as { status: string; title: string; reason: string; type: string }[];
    expect(results.length).toBeGreaterThan(40);
    expect(results.filter(({ status }) => ['ERROR', 'CRITICAL', 'DEVIATION'].includes(status))).toEqual([]);
  });

  it('changes parts of a group at the same moment, and none of them is lost', async () => {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const users = await Promise.all(Array.from({ length: 6 }, async () => (await makeUser()).body.id as string));
      const [gone, ...come] = users;
      const made = await call('POST', '/Groups', {
        schemas: [GROUP],
        displayName: `Samen ${attempt}`,
        members: [{ value: gone }],
      });
      const { id } = made.body;
      const answers = await Promise.all([
        ...come.map((value) => patch(`/Groups/${id}`, { op: 'add', path: 'members', value: [{ value }] })),
        patch(`/Groups/${id}`, { op: 'remove', path: `members[value eq "${gone}"]` }),
        patch(`/Groups/${id}`, { op: 'replace', path: 'displayName', value: `Anders ${attempt}` }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const { displayName, members } = (await call('GET', `/Groups/${id}`)).body;
      expect(displayName).toBe(`Anders ${attempt}`);
      expect(members.map(({ value }: { value: string }) => value).sort()).toEqual(come.sort());
      expect((await account(come[0]!))!.groups).toEqual([`Anders ${attempt}`]);
    }
  });

  it('changes many groups with the same people at the same moment', async () => {
    const users = await Promise.all(Array.from({ length: 12 }, async () => (await makeUser()).body.id as string));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, group) =>
        call('POST', '/Groups', {
          schemas: [GROUP],
          displayName: `Tegelijk ${group}`,
          members: (group % 2 ? users : users.toReversed()).map((value) => ({ value })),
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    for (const user of users) expect((await account(user))!.groups).toHaveLength(8);
  });

  it('makes, finds, changes and pages people', async () => {
    const made = await makeUser({
      externalId: 'hr-1',
      displayName: undefined,
      name: { givenName: 'Wie', familyName: 'Ook' },
      emails: [
        { value: 'thuis@elders.example.org', type: 'home' },
        { value: 'wie@elders.example.org', type: 'work', primary: true },
      ],
    });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(made.body.meta.location);
    expect(made.body.meta.location).toBe(`${installation.url}/scim/v2/Users/${made.body.id}`);
    expect(await account(made.body.id)).toMatchObject({
      source: 'scim',
      externalId: 'hr-1',
      displayName: 'Wie Ook',
      notifyEmail: 'wie@elders.example.org',
      role: null,
    });
    for (const filter of [
      `userName eq "${made.body.userName}"`,
      'externalId eq "hr-1"',
      'userName sw "scim" and active eq true and displayName co "Ook"',
      'emails[type eq "work"].value ew "example.org" and externalId eq "hr-1"',
    ]) {
      const found = await call('GET', `/Users?filter=${encodeURIComponent(filter)}`);
      expect(
        found.body.Resources.map(({ id }: { id: string }) => id),
        filter,
      ).toContain(made.body.id);
    }
    const same = await makeUser({ userName: made.body.userName.toUpperCase() });
    expect([same.status, same.body.scimType]).toEqual([409, 'uniqueness']);
    for (let i = 0; i < 5; i += 1) await makeUser();
    const all = (await call('GET', '/Users?count=200')).body;
    const first = (await call('GET', '/Users?startIndex=1&count=2')).body;
    const second = (await call('GET', '/Users?startIndex=3&count=2')).body;
    expect([first.totalResults, first.itemsPerPage, second.startIndex]).toEqual([all.totalResults, 2, 3]);
    expect([...first.Resources, ...second.Resources]).toEqual(all.Resources.slice(0, 4));
    expect((await call('GET', '/Users?count=0')).body).toMatchObject({ totalResults: all.totalResults, Resources: [] });
    const put = await call('PUT', `/Users/${made.body.id}`, { ...made.body, displayName: 'Anders' });
    expect(put.body.displayName).toBe('Anders');
    expect((await call('GET', `/Users/${made.body.id}?attributes=userName`)).body.displayName).toBeUndefined();
  });

  it('suspends: every session ends at once, and comes back empty', async () => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
    const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    const laptop = new Laptop();
    const person = await addEnrolledPerson(installation, laptop, rp);
    expect((await laptop.send(`${installation.url}/mfa`)).status).not.toBe(200);
    await laptop.open(`${installation.url}/mfa`);
    expect((await laptop.send(`${installation.url}/mfa`)).status).toBe(200);
    // As Entra writes it.
    const off = await patch(`/Users/${person.accountId}`, { op: 'Replace', path: 'active', value: false });
    expect([off.status, off.body.active]).toEqual([200, false]);
    expect((await laptop.send(`${installation.url}/mfa`)).status).toBe(303);
    expect((await person.phone.call('GET', '/app/api/challenges')).status).toBe(401);
    expect(await account(person.accountId)).toMatchObject({ status: 'suspended', source: 'scim' });
    // From now on the directory decides, and nobody else.
    const here = await installation.d.people.change(
      person.accountId,
      { status: 'active' },
      { actor: 'cli', origin: 'cli', authority: { kind: 'operator' } },
    );
    expect(here).toMatchObject({ ok: false, refusal: { code: 'kept_elsewhere' } });
    await patch(`/Users/${person.accountId}`, { op: 'replace', value: { active: true } });
    expect((await account(person.accountId))!.status).toBe('active');
    expect((await laptop.send(`${installation.url}/mfa`)).status).toBe(303);
    expect((await call('DELETE', `/Users/${person.accountId}`)).status).toBe(204);
    expect((await call('GET', `/Users/${person.accountId}`)).status).toBe(404);
    expect((await call('DELETE', `/Users/${person.accountId}`)).status).toBe(404);
    expect((await account(person.accountId))!.status).toBe('revoked');
  });

  it('keeps groups, which the policy reads', async () => {
    const [a, b, c] = [await makeUser(), await makeUser(), await makeUser()].map(({ body }) => body.id as string);
    const made = await call('POST', '/Groups', {
      schemas: [GROUP],
      displayName: 'Financiën',
      externalId: 'g-1',
      members: [{ value: a }, { value: b }],
    });
    expect([made.status, made.body.members.length]).toEqual([201, 2]);
    const path = `/Groups/${made.body.id}`;
    await patch(path, { op: 'add', path: 'members', value: [{ value: c }] });
    await patch(path, { op: 'remove', path: `members[value eq "${a}"]` });
    const groupsOf = async () => Promise.all([a, b, c].map(async (id) => (await account(id!))!.groups));
    expect(await groupsOf()).toEqual([[], ['Financiën'], ['Financiën']]);
    await patch(path, { op: 'replace', path: 'displayName', value: 'Geld' });
    expect(await groupsOf()).toEqual([[], ['Geld'], ['Geld']]);
    expect((await call('GET', `/Users/${b}`)).body.groups).toMatchObject([{ value: made.body.id, display: 'Geld' }]);
    const found = await call('GET', `/Groups?filter=${encodeURIComponent('displayName eq "geld"')}`);
    expect(found.body.Resources).toHaveLength(1);
    expect((await call('POST', '/Groups', { schemas: [GROUP], displayName: 'Geld' })).status).toBe(409);
    const strange = [{ value: '00000000-0000-4000-8000-000000000000' }];
    expect((await patch(path, { op: 'add', path: 'members', value: strange })).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(204);
    expect(await groupsOf()).toEqual([[], [], []]);
    const { sql } = installation.d.database;
    const events = await sql<{
      action: string;
    }>`SELECT action FROM audit_event WHERE object = ${`group:${made.body.id}`} ORDER BY id`;
    expect(events.map(({ action }) => action)).toEqual([
      'group.added',
      'group.changed',
      'group.changed',
      'group.changed',
      'group.removed',
    ]);
  });

  it('has no power over those who look after this installation', async () => {
    const { account: owner } = await installation.addPerson(undefined, { role: 'owner' });
    for (const attempt of [
      patch(`/Users/${owner.id}`, { op: 'replace', path: 'active', value: false }),
      call('DELETE', `/Users/${owner.id}`),
      call('PUT', `/Users/${owner.id}`, { schemas: [USER], userName: 'anders@example.org', active: true }),
    ])
      expect((await attempt).status).toBe(403);
    expect(await account(owner.id)).toMatchObject({ status: 'active', source: 'local', email: owner.email });
    // No role, password or status comes in by a field (mass assignment).
    const made = await makeUser({
      roles: [{ value: 'owner' }],
      role: 'owner',
      password: 'geheim geheim',
      source: 'local',
    });
    expect(await account(made.body.id)).toMatchObject({ role: null, source: 'scim' });
    expect(await installation.d.authenticators.passwordOf(made.body.id)).toBeUndefined();
  });

  it('is closed to strangers, people and other scopes', async () => {
    const other = (await apiProgram(installation, ['accounts:read'])).token;
    const { api: person } = await apiPerson(installation, 'owner');
    for (const path of ['/Users', '/Groups', '/Schemas', '/ServiceProviderConfig', '/Users/x']) {
      expect((await call('GET', path, undefined, '')).status).toBe(401);
      expect((await call('GET', path, undefined, 'made-up')).status).toBe(401);
      expect((await call('GET', path, undefined, other)).status).toBe(403);
      expect((await call('GET', path, undefined, person.token)).status).toBe(403);
    }
  });

  it.each([
    ['GET', '/Users?filter=userName', 400],
    ['GET', '/Users?filter=', 400],
    ['GET', `/Users?filter=${encodeURIComponent('userName eq "x" or ((((')}`, 400],
    ['GET', `/Users?filter=${encodeURIComponent(`userName eq "'; DROP TABLE account; --"`)}`, 200],
    ['GET', `/Users?filter=${encodeURIComponent('userName eq "x\\u0000"')}`, 200],
    ['GET', '/Users?startIndex=-5&count=-1', 200],
    ['GET', '/Users?startIndex=99999999999999999999&count=nonsense', 200],
    ['GET', '/Users?filter=a&filter=b', 400],
    ['GET', '/Users/not-a-uuid', 404],
    ['GET', '/Nothing', 404],
    ['DELETE', '/Groups/not-a-uuid', 404],
    ['POST', '/Users', 400, '{'],
    ['POST', '/Users', 400, '[]'],
    ['POST', '/Users', 400, { schemas: [USER] }],
    ['POST', '/Users', 400, { schemas: [USER], userName: 'geen adres' }],
    ['POST', '/Users', 400, { schemas: [USER], userName: ['a@example.org'] }],
    ['POST', '/Users', 400, { schemas: ['urn:other'], userName: 'a@example.org' }],
    ['POST', '/Groups', 400, { schemas: [GROUP] }],
    ['POST', '/Groups', 404, { schemas: [GROUP], displayName: 'x', members: [{ value: 'not-a-uuid' }] }],
    [
      'PATCH',
      '/Users/00000000-0000-4000-8000-000000000000',
      404,
      { schemas: [PATCH], Operations: [{ op: 'replace', value: { active: false } }] },
    ],
  ] as [string, string, number, unknown?][])('answers %s %s with %i', async (method, path, status, body) => {
    expect((await call(method, path, body)).status).toBe(status);
  });
});
