import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';

let installation: TestInstallation;
let api: ApiClient;

beforeAll(async () => {
  installation = await startInstallation();
  api = await apiProgram(installation, ['imports:write', 'accounts:read', 'settings:read']);
});
afterAll(() => installation.close());

const csv = { 'content-type': 'text/csv' };
const over = async (id: string) => {
  await expect.poll(async () => (await api.get(`/imports/${id}`)).body.state).not.toMatch(/waiting|running/);
  return (await api.get(`/imports/${id}`)).body;
};

describe('imports by API', () => {
  it('are looked over, run, and told line by line', async () => {
    const file = 'email,name,role\napi1@example.org,Een,\nfout,Twee,\napi2@example.org,Drie,owner\n';
    const sent = await api.call('POST', '/imports?name=hr.csv', file, { ...csv, 'idempotency-key': 'one' });
    expect(sent.status).toBe(202);
    expect(sent.headers.get('location')).toBe(`/api/v1/imports/${sent.body.id}`);
    const again = await api.call('POST', '/imports?name=hr.csv', file, { ...csv, 'idempotency-key': 'one' });
    expect(again.body.id).toBe(sent.body.id);
    expect(await over(sent.body.id)).toMatchObject({ state: 'checked', added: 1, refused: 2 });
    const lines = await api.get(`/imports/${sent.body.id}/lines?limit=2`);
    expect(lines.body.items.map(({ code }: { code: string }) => code)).toEqual([null, 'email_invalid']);
    const rest = await api.get(`/imports/${sent.body.id}/lines?cursor=${lines.body.next}&outcome=refused`);
    // This program has no scope to give roles.
    expect(rest.body.items).toMatchObject([{ line: 4, code: 'role_not_allowed' }]);
    expect((await api.post(`/imports/${sent.body.id}/run`)).status).toBe(202);
    expect(await over(sent.body.id)).toMatchObject({ state: 'done', added: 1, refused: 2 });
    expect((await api.post(`/imports/${sent.body.id}/run`)).status).toBe(409);
    expect((await api.post(`/imports/${sent.body.id}/stop`)).status).toBe(409);
    expect((await api.get(`/imports/${sent.body.id}/refused.csv`)).body).toContain('fout,Twee,,');
    expect((await api.get(`/imports/${sent.body.id}/lines.csv`)).body.split('\n')).toHaveLength(5);
    expect((await api.get('/accounts.csv')).body).toContain('api1@example.org');
    expect((await api.get('/imports')).body.items).toHaveLength(1);
  });

  it('refuse what is no file of people', async () => {
    expect((await api.post('/imports', { a: 1 })).status).toBe(415);
    expect((await api.call('POST', '/imports', 'x', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await api.call('POST', '/imports', 'naam\nx\n', csv)).body.code).toBe('import_columns');
    expect((await api.call('POST', '/imports?role=owner', 'email\n', csv)).status).toBe(400);
    for (const path of ['', '/lines', '/lines.csv', '/refused.csv'])
      expect((await api.get(`/imports/00000000-0000-4000-8000-000000000000${path}`)).status).toBe(404);
  });

  it.each([
    ['a column that nobody knows', 'naam\n', `Bearer`, 422],
    ['no token', 'email\n', undefined, 401],
    ['more than 100 MB', 'email\n', 'Bearer', 413],
  ] as const)('answer somebody who sends on and on, with %s', async (_what, begin, scheme, expected) => {
    const more = Buffer.alloc(256 * 1024, 'x@example.org\n');
    const seen = await new Promise<number>((resolve, reject) => {
      const call = request(`${installation.url}/api/v1/imports`, {
        method: 'POST',
        headers: { ...csv, ...(scheme ? { authorization: `${scheme} ${api.token}` } : {}) },
      });
      let isAnswered = false;
      call.on('response', (answer) => {
        isAnswered = true;
        resolve(answer.statusCode!);
        answer.resume();
      });
      call.on('error', (error) => (isAnswered ? undefined : reject(error)));
      call.write(begin);
      const send = (): void => {
        if (isAnswered) call.destroy();
        else if (call.write(more)) setImmediate(send);
        else call.once('drain', send);
      };
      send();
    });
    expect(seen).toBe(expected);
    expect(await installation.d.database.sql`SELECT 1 FROM import_job WHERE size < 0`).toEqual([]);
  });

  it('tell how the installation is set, without secrets', async () => {
    const { body } = await api.get('/settings');
    expect(body.deviations.length).toBeGreaterThan(0);
    expect(body.health.isLogGuarded).toBe(true);
    expect(JSON.stringify(body)).not.toMatch(/postgres(ql)?:\/\//);
  });
});
