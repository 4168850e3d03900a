import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../src/core/permissions.ts';
import type { Account } from '../../src/store/accounts.ts';
import { type ApiClient, apiPerson, apiProgram } from '../support/api.ts';
import { forgetPolicies, startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let installation: TestInstallation;
let program: ApiClient;
let owner: ApiClient;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation({ API_CALLS_PER_MINUTE: '100000' });
  program = await apiProgram(installation, PERMISSIONS);
  owner = (await apiPerson(installation, 'owner')).api;
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterAll(() => installation.close());

let count = 0;
async function add(more: object = {}): Promise<{ id: string; email: string; etag: string }> {
  count += 1;
  const made = await program.post('/accounts', {
    email: `kaart${count}@example.org`,
    displayName: `Kaart ${count}`,
    ...more,
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { ...made.body, etag: made.headers.get('etag')! };
}

describe('a call that cannot be', () => {
  it('names each field that is wrong', async () => {
    const { status, body } = await program.post('/accounts', {
      email: 'geen-adres',
      displayName: 'X',
      notifyEmail: 'ook niet',
      groups: ['a|b'],
    });
    expect([status, body.code]).toEqual([422, 'email_invalid']);
    expect(body.errors.map(({ path }: { path: string }) => path)).toEqual(['/email', '/notifyEmail', '/groups']);
    expect(JSON.stringify(body)).not.toContain('others');
  });

  it('says which methods there are, whoever asks', async () => {
    const answer = await program.call('PUT', '/accounts', {});
    expect([answer.status, answer.body.code, answer.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'GET, POST',
    ]);
  });

  it('leads who sends a role where a role is given', async () => {
    const { id, etag } = await add();
    const refused = await program.call('PATCH', `/accounts/${id}`, { role: 'owner' }, { 'if-match': etag });
    expect(refused.status).toBe(400);
    expect(refused.body.errors[0].message).toContain('PUT /accounts/{id}/role');
  });
});

describe('accounts', () => {
  it('are made, found at the place that was named, changed and suspended', async () => {
    const made = await program.post('/accounts', {
      email: 'Jan.de.Vries@Example.org',
      displayName: 'Jan de Vries',
      groups: ['inkoop'],
      locale: 'nl',
    });
    expect(made.status).toBe(201);
    expect(made.body.email).toBe('jan.de.vries@example.org');
    const at = made.headers.get('location')!.replace('/api/v1', '');
    const read = await program.get(at);
    expect(read.body).toEqual(made.body);
    const etag = read.headers.get('etag')!;
    expect((await program.get(at, { 'if-none-match': etag })).status).toBe(304);
    const changed = await program.call('PATCH', at, { displayName: 'Jan Vries' }, { 'if-match': etag });
    expect(changed.body.displayName).toBe('Jan Vries');
    expect(changed.body.groups).toEqual(['inkoop']);
    expect((await program.call('PATCH', at, { displayName: 'x' }, { 'if-match': etag })).status).toBe(412);
    for (const never of ['"99999999999"', '"0"', 'W/"999999999999999"', 'gisteren'])
      expect((await program.call('PATCH', at, { displayName: 'x' }, { 'if-match': never })).status).toBe(412);
    expect((await program.call('PATCH', at, { displayName: 'x' })).status).toBe(428);
    const suspended = await program.call('PATCH', at, { status: 'suspended' }, { 'if-match': '*' });
    expect(suspended.body.status).toBe('suspended');
  });

  it('are found by the beginnings of words, whatever else is typed, and by what they are', async () => {
    await add({ email: 'anneke.van-der-laan@example.org', displayName: 'Anneke van der Laan', groups: ['finance'] });
    await add({ email: 'pieter@example.org', displayName: 'Pieter O’Brien', groups: ['finance', 'hr'] });
    const found = async (query: string) =>
      (await program.get(`/accounts?${query}`)).body.items.map(({ email }: { email: string }) => email);
    expect(await found('q=ann%20laa')).toEqual(['anneke.van-der-laan@example.org']);
    expect(await found('q=BRIEN')).toEqual(['pieter@example.org']);
    expect(await found('q=nneke')).toEqual([]);
    expect(await found('group=hr')).toEqual(['pieter@example.org']);
    expect(await found('role=owner')).toHaveLength(1);
    expect(await found('covered=true&role=none')).toEqual([]);
    for (const odd of ["' OR 1=1 --", 'a & !b | (c', '%', ':*', '\\', '"', '<->', 'x'.repeat(200)])
      expect((await program.get(`/accounts?q=${encodeURIComponent(odd)}`)).status).toBe(200);
    for (const odd of ["'; DROP TABLE account; --", '{a,b}', '"'])
      expect(await found(`group=${encodeURIComponent(odd)}`)).toEqual([]);
    for (const bad of ['status=gone', 'covered=perhaps', 'limit=0', 'limit=501', 'sort=email', 'q=%00'])
      expect((await program.get(`/accounts?${bad}`)).status, bad).toBe(400);
  });

  it('come in parts, each once, also while others are added', async () => {
    await Promise.all(
      Array.from({ length: 23 }, (_, n) =>
        add({ groups: ['pagina'], email: `p${String(n).padStart(2, '0')}@example.org` }),
      ),
    );
    const seen: string[] = [];
    let path: string | null = '/accounts?group=pagina&limit=5';
    while (path) {
      const { body, headers } = await program.get(path);
      seen.push(...body.items.map(({ email }: { email: string }) => email));
      const link = headers.get('link');
      expect(Boolean(link)).toBe(body.next !== null);
      path = link ? /<\/api\/v1([^>]+)>; rel="next"/.exec(link)![1]! : null;
      if (seen.length === 10) await add({ groups: ['pagina'], email: 'p00a@example.org' });
    }
    expect(seen).toHaveLength(23);
    expect(seen).toEqual([...seen].sort());
    expect((await program.get('/accounts?cursor=%F0%9F%92%A9')).status).toBe(200);
  });

  it('take over nothing that was not meant: fields that nobody asked about are refused', async () => {
    const { id } = await add();
    for (const field of [
      'role',
      'id',
      'version',
      'source',
      'passRequiredAt',
      'createdAt',
      'status2',
      '__proto__',
      'constructor',
    ]) {
      const body = `{"displayName":"Ander","${field}":"owner"}`;
      const { status, body: said } = await program.call('PATCH', `/accounts/${id}`, body, { 'if-match': '*' });
      expect(status, field).toBe(field === '__proto__' || field === 'constructor' ? status : 400);
      if (status === 400 && said.errors) expect(said.errors[0].message).toBeTruthy();
      else expect(status).toBe(400);
    }
    expect((await program.get(`/accounts/${id}`)).body).toMatchObject({ displayName: `Kaart ${count}`, role: null });
    expect((await program.call('PATCH', `/accounts/${id}`, { status: 'revoked' }, { 'if-match': '*' })).status).toBe(
      400,
    );
  });

  it('say field by field what is wrong, and lose nothing', async () => {
    const { status, body } = await program.post('/accounts', { email: 'x', displayName: '', groups: [''] });
    expect(status).toBe(400);
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      '/displayName',
      '/email',
      '/groups/0',
    ]);
    expect((await program.post('/accounts', { email: 'not an address', displayName: 'X' })).body.code).toBe(
      'email_invalid',
    );
    const { email } = await add();
    expect((await program.post('/accounts', { email, displayName: 'X' })).status).toBe(409);
    expect((await program.call('POST', '/accounts', '{"email":', {})).status).toBe(400);
    expect((await program.call('POST', '/accounts', 'x'.repeat(40_000), {})).status).toBe(413);
    expect((await program.call('POST', '/accounts', 'a=b', { 'content-type': 'text/xml' })).status).toBe(415);
    expect((await program.get('/nothing')).body.code).toBe('not_found');
  });

  it('are nobody else’s by a guessed id: every address with an id says that there is no such thing', async () => {
    const other = await add();
    const mine = await add();
    const authenticatorId = randomUUID();
    await installation.d.database.sql`INSERT INTO authenticator (id, account_id, kind, label, state, created_at)
      VALUES (${authenticatorId}, ${other.id}, 'totp', 'x', 'active', now())`;
    const foreign = await program.call(
      'DELETE',
      `/accounts/${mine.id}/authenticators/${authenticatorId}?reason=for%20a%20test`,
    );
    expect(foreign.status).toBe(404);
    expect((await installation.d.authenticators.byId(authenticatorId))!.state).toBe('active');
    for (const id of [randomUUID(), '00000000-0000-0000-0000-000000000000'])
      for (const path of ['', '/authenticators', '/sessions'])
        expect((await program.get(`/accounts/${id}${path}`)).status).toBe(404);
    for (const id of ['1', 'a%27', '..%2F..', '%00', 'null'])
      expect((await program.get(`/accounts/${id}`)).status).toBe(400);
  });

  it('get a role from people alone, who signed in not long ago', async () => {
    const { id } = await add();
    const give = (api: ApiClient) => api.call('PUT', `/accounts/${id}/role`, { role: 'helpdesk' }, { 'if-match': '*' });
    expect((await give(program)).body.code).toBe('role_too_high');
    expect((await give(owner)).body.role).toBe('helpdesk');
    expect((await program.call('PATCH', `/accounts/${id}`, { displayName: 'x' }, { 'if-match': '*' })).status).toBe(
      403,
    );
    expect(
      (await program.post('/accounts', { email: 'raised@example.org', displayName: 'x', role: 'owner' })).status,
    ).toBe(403);
    expect((await owner.post(`/accounts/${id}/revoke`)).body.status).toBe('revoked');
  });
});

describe('a creating call that names itself', () => {
  it('is done once, however often and at once it is sent, and its secret is shown again to its caller alone', async () => {
    const person = await add();
    const key = randomUUID();
    const issue = (api: ApiClient, body: object = { reason: 'first day at work', identity: 'passport' }) =>
      api.post(`/accounts/${person.id}/temporary-passes`, body, { 'idempotency-key': key });
    const all = fulfilled(await together(10, () => issue(program)));
    const done = all.filter(({ status }) => status === 200);
    expect(done.length).toBeGreaterThan(0);
    expect(
      all
        .filter(({ status }) => status !== 200)
        .every(({ status, body }) => status === 409 && body.code === 'idempotency_key_busy'),
    ).toBe(true);
    const again = await issue(program);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(done[0]!.body);
    expect((await issue(program, { reason: 'something else', identity: 'passport' })).body.code).toBe(
      'idempotency_key_reused',
    );
    const named = { 'idempotency-key': randomUUID() };
    const made = await program.post(
      '/accounts',
      { email: `${named['idempotency-key']}@example.org`, displayName: 'x' },
      named,
    );
    const replayed = await program.post(
      '/accounts',
      { email: `${named['idempotency-key']}@example.org`, displayName: 'x' },
      named,
    );
    for (const header of ['location', 'etag']) {
      expect(made.headers.get(header)).toBeTruthy();
      expect(replayed.headers.get(header)).toBe(made.headers.get(header));
    }
    const somebody = await issue(owner);
    expect(somebody.headers.get('idempotency-replayed')).toBeNull();
    expect(somebody.body.temporaryPass.code).not.toBe(again.body.temporaryPass.code);
    const stored = JSON.stringify(
      await installation.d.database.sql`SELECT encode(answer_sealed, 'escape') AS a FROM idempotent_call`,
    );
    expect(stored).not.toContain(again.body.temporaryPass.code);
    const refused = await program.post(
      '/accounts',
      { email: person.email, displayName: 'x' },
      { 'idempotency-key': 'r' },
    );
    expect(refused.status).toBe(409);
    expect(
      (
        await program.post('/accounts', { email: person.email, displayName: 'x' }, { 'idempotency-key': 'r' })
      ).headers.get('content-type'),
    ).toContain('problem');
    expect((await program.post('/accounts', {}, { 'idempotency-key': 'x'.repeat(300) })).status).toBe(400);
  });
});

describe('the helpdesk, by the API', () => {
  let person: Enrolled;
  it('verifies a caller, resets, and the person enrols anew with the pass', async () => {
    person = await addEnrolledPerson(installation, new Laptop(), rp);
    await installation.d.database.sql`DELETE FROM challenge`;
    const { api: helpdesk } = await apiPerson(installation, 'helpdesk');
    const check = await helpdesk.post(`/accounts/${person.accountId}/caller-checks`);
    expect(check.status).toBe(201);
    const state = async () => (await helpdesk.get(`/caller-checks/${check.body.id}`)).body.state;
    expect(await state()).toBe('waiting');
    await person.phone.approve(check.body.number);
    expect(await state()).toBe('verified');
    expect(await state()).toBe('verified');
    const [phone] = (await helpdesk.get(`/accounts/${person.accountId}/authenticators`)).body.items.filter(
      ({ kind }: { kind: string }) => kind === 'push',
    );
    expect(phone).toMatchObject({ label: 'Testtelefoon', state: 'active' });
    const done = await helpdesk.post(`/accounts/${person.accountId}/reset`, {
      cause: 'broken',
      reason: 'the screen is broken',
      callerCheck: check.body.id,
    });
    expect(done.status).toBe(200);
    expect(done.body.case).toMatchObject({ state: 'done', verification: { callerCheck: check.body.id } });
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.submit('/pass', { code: done.body.temporaryPass.code });
    expect(laptop.title).toBe('Meer informatie vereist');
    const cases = await helpdesk.get(`/cases?account=${person.accountId}`);
    expect(cases.body.items.map(({ kind }: { kind: string }) => kind)).toEqual(['reset']);
  });

  it('waits for a second person where nothing was verified, whom the API finds in the list', async () => {
    const { api: helpdesk } = await apiPerson(installation, 'helpdesk');
    const { api: second } = await apiPerson(installation, 'helpdesk');
    const waiting = await helpdesk.post(`/accounts/${person.accountId}/reset`, {
      reason: 'says that the phone is gone',
    });
    expect(waiting.status).toBe(202);
    expect(waiting.body.temporaryPass).toBeNull();
    const [open] = (await second.get('/cases?state=waiting')).body.items;
    expect(open.id).toBe(waiting.body.case.id);
    expect((await helpdesk.post(`/cases/${open.id}/approve`)).body).toMatchObject({
      code: 'second_person_same',
      detail: 'You asked for this yourself. Somebody else must agree.',
    });
    expect((await second.post(`/cases/${open.id}/approve`)).body.temporaryPass.code).toMatch(/^(\w{4}-){3}\w{4}$/);
    expect((await second.post(`/cases/${open.id}/cancel`)).status).toBe(409);
    expect((await second.get('/cases?cursor=eA')).status).toBe(400);
  });
});

describe('web apps, the policy and the audit log', () => {
  it('a web app is registered, changed by one at a time, and gets new secrets', async () => {
    const made = await owner.post('/clients', {
      id: 'intranet',
      name: 'Intranet',
      redirectUris: ['https://intranet.example.org/cb'],
    });
    expect(made.status).toBe(201);
    expect(made.body.secret).toMatch(/^[\w-]{43}$/);
    const etag = made.headers.get('etag')!;
    const change = (body: object) => owner.call('PATCH', '/clients/intranet', body, { 'if-match': etag });
    const all = fulfilled(await together(4, () => change({ startUri: 'https://intranet.example.org/' })));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 412)).toHaveLength(3);
    const wrong = await owner.call(
      'PATCH',
      '/clients/intranet',
      { redirectUris: ['http://intranet.example.org/*'] },
      { 'if-match': '*' },
    );
    expect(wrong.status).toBe(422);
    expect(wrong.body.detail).toContain('wildcards');
    expect((await owner.post('/clients', { id: 'intranet' })).status).toBe(409);
    expect((await owner.post('/clients/intranet/secrets')).body.secret).not.toBe(made.body.secret);
    expect((await owner.get('/clients/intranet')).body.secrets).toHaveLength(2);
    expect((await owner.post('/clients/intranet/disable')).body.disabledAt).not.toBeNull();
    expect((await owner.get('/clients/nothing')).status).toBe(404);
    expect(JSON.stringify((await owner.get('/clients')).body)).not.toContain(made.body.secret);
  });

  it('the policy is tried, put in force by one at a time, and refused with every reason', async () => {
    const { body, headers } = await owner.get('/policy');
    expect(body).toEqual({ version: '0', document: { rules: [] } });
    const etag = headers.get('etag')!;
    const account: Account = (await installation.addPerson()).account;
    const rules = [{ name: 'sleutels', outcome: { require: 'phr' } }];
    const question = { accountId: account.id, clientId: 'app' };
    expect((await owner.post('/policy/what-if', question)).body.decision.access).toBe('urn:dubbelslot:acr:mfa');
    expect((await owner.post('/policy/what-if', { ...question, document: { rules } })).body.decision).toMatchObject({
      access: 'urn:dubbelslot:acr:phr',
      because: { access: 'sleutels' },
    });
    expect(
      (await owner.post('/policy/check', { rules: [{ name: 'x', outcome: { deny: true } }] })).body.problems[0],
    ).toContain('lock out');
    const all = fulfilled(
      await together(3, () =>
        owner.call('PUT', '/policy', { rules, support: { verify: ['push'] } }, { 'if-match': etag }),
      ),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    const refused = await owner.call('PUT', '/policy', { rules: [{ name: 'leeg', outcome: {} }] }, { 'if-match': '*' });
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0].message).toContain('decides nothing');
    expect((await owner.get('/policy/versions')).body.items).toHaveLength(1);
    await forgetPolicies(installation);
  });

  it('the audit log is searched, exported line by line, and verified', async () => {
    const { api: auditor } = await apiPerson(installation, 'auditor');
    const events = await auditor.get('/audit-events?action=client.&limit=3');
    expect(events.body.items).toHaveLength(3);
    expect(events.body.items.every(({ action }: { action: string }) => action.startsWith('client.'))).toBe(true);
    const older = await auditor.get(`/audit-events?action=client.&limit=3&cursor=${events.body.next}`);
    expect(BigInt(older.body.items[0].id)).toBeLessThan(BigInt(events.body.items[2].id));
    expect((await auditor.get('/audit-events?action=%25')).body.items).toEqual([]);
    expect((await auditor.get('/audit-events?cursor=J3gn')).status).toBe(400);
    const lines = String((await auditor.get('/audit-events/export')).body)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toHaveProperty('checkpoint');
    expect(lines.at(-2)).toMatchObject({ action: 'audit.exported', position: expect.any(String) });
    const cef = String((await auditor.get('/audit-events/export?format=cef&action=account.reset')).body);
    expect(cef).toMatch(/^CEF:0\|Dubbelslot\|Dubbelslot\|[\d.]+\|account\.reset\|account reset\|2\|rt=\d+ /);
    expect((await auditor.post('/audit-events/verify')).body).toMatchObject({ isIntact: true, problems: [] });
  });
});

describe('the organisation', () => {
  it('is changed in part, refused field by field, and says what the environment holds fast', async () => {
    expect((await program.get('/organisation')).body).toEqual({
      name: 'Voorbeeldorganisatie',
      support: null,
      accent: null,
      hasLogo: false,
      fixed: ['name'],
    });
    const help = { supportName: 'Servicedesk', supportPhone: '030 123 45 67', accent: '#7A1F5C' };
    const changed = await program.call('PATCH', '/organisation', { ...help, name: 'Anders' });
    expect(changed.body).toMatchObject({
      name: 'Voorbeeldorganisatie',
      support: { name: 'Servicedesk', phone: '030 123 45 67', hours: null },
      accent: '#7a1f5c',
    });
    const refused = await program.call('PATCH', '/organisation', { accent: '#ffcc00', supportPhone: 'bel' });
    expect([refused.status, refused.body.code]).toEqual([422, 'organisation_refused']);
    expect(refused.body.errors.map(({ path }: { path: string }) => path)).toEqual(['supportPhone', 'accent']);
    const cleared = await program.call('PATCH', '/organisation', { supportName: '', supportPhone: '', accent: '' });
    expect(cleared.body).toMatchObject({ support: null, accent: null });
  });

  it('has a server that says how it is', async () => {
    const { status, body } = await program.get('/checkup');
    expect(status).toBe(200);
    expect(body.items).toContainEqual({
      level: 'ok',
      part: 'address',
      name: 'address_ok',
      text: `${installation.url} leads to this server`,
    });
    expect(body.items.filter(({ level }: { level: string }) => level === 'bad')).toEqual([]);
  });
});
