import * as oidc from 'openid-client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { approveAndGoOn, enrolCodeApp, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { totpCode } from '../support/totp.ts';

/** Few rows, whatever the size of the organisation: reading all of them is the best plan. */
const SMALL = ['client', 'client_secret', 'policy', 'setting', 'signing_key', 'webhook'];
/** What grows with people and their sign-ins. */
const LARGE = ['account', 'authenticator', 'oidc_payload', 'op_session', 'login_transaction', 'throttle', 'challenge'];
const PEOPLE = 20_000;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Plan[];
}

let installation: TestInstallation;
let owner: pg.Client;
/** Each statement with values it was asked with. */
const statements = new Map<string, unknown[]>();

/** Everything that signing in, by phone and by code, and using the tokens asks of the database. */
async function signInAndListen(): Promise<void> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri], grants: ['refresh'] });
  const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
  const byPhone = await installation.addPerson();
  const byCode = await installation.addPerson();
  const send = pg.Client.prototype.query as (this: unknown, ...rest: unknown[]) => unknown;
  pg.Client.prototype.query = function (this: unknown, ...rest: unknown[]) {
    const { text, values } = rest[0] as { text?: string; values?: unknown[] };
    if (text && /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)/.test(text)) statements.set(text, values ?? []);
    return send.apply(this, rest);
  } as never;
  try {
    const laptop = new Laptop();
    await givePassword(laptop, rp, byPhone);
    const phone = await enrolPhone(laptop, installation.url);
    await goOn(laptop, rp);
    const another = new Laptop();
    const request = await givePassword(another, rp, byPhone);
    const tokens = await rp.redeem(request, (await approveAndGoOn(another, phone, rp)).url);
    await oidc.refreshTokenGrant(rp.config, tokens.refresh_token!);
    await oidc.fetchUserInfo(rp.config, tokens.access_token, tokens.claims()!.sub);
    const third = new Laptop();
    await givePassword(third, rp, byCode);
    const totp = await enrolCodeApp(third, installation.url, new Date(Date.now() - 30_000));
    await goOn(third, rp);
    const fourth = new Laptop();
    await givePassword(fourth, rp, byCode);
    await fourth.submit('/code', { code: totpCode(totp, new Date()) }, redirectUri);
    await fourth.open(`${installation.url}/mfa`);
  } finally {
    pg.Client.prototype.query = send as never;
  }
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

/** What reads a table from one end to the other; of the tables named, also an index. */
async function slowOnes(tables?: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const text of statements.keys()) {
    // Without values, by the simple protocol: the plan that a prepared statement keeps.
    const { rows } = await owner.query(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`);
    const { Plan: plan } = (rows[0] as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0];
    for (const node of nodes(plan)) {
      const table = node['Relation Name'] ?? '';
      const isSeqScan = node['Node Type'] === 'Seq Scan';
      const isWhole = isSeqScan || (/Index (Only )?Scan$/.test(node['Node Type']) && !node['Index Cond']);
      if (tables ? isWhole && tables.includes(table) : isSeqScan && ![...SMALL, ...LARGE].includes(table))
        found.push(
          `${node['Node Type']} ${table} ${node['Index Name'] ?? ''}: ${text.replace(/\s+/g, ' ').slice(0, 160)}`,
        );
    }
  }
  return found;
}

beforeAll(async () => {
  installation = await startInstallation();
  owner = new pg.Client({ connectionString: installation.ownerUrl });
  await owner.connect();
  await signInAndListen();
});
afterAll(async () => {
  await owner.end();
  await installation.close();
});

describe('what a sign-in asks of the database', () => {
  it('has an index to find it by, each statement about what grows more slowly', async () => {
    expect(statements.size).toBeGreaterThan(40);
    await owner.query('SET enable_seqscan = off');
    expect(await slowOnes()).toEqual([]);
    await owner.query('RESET enable_seqscan');
  });

  it('is found by it where there are many people and sign-ins', async () => {
    const fill = (text: string) => owner.query(text);
    await fill(`INSERT INTO account (id, email, display_name, created_at, updated_at)
      SELECT gen_random_uuid(), 'many' || n || '@example.org', 'Many ' || n, now(), now() FROM generate_series(1, ${PEOPLE}) n`);
    await fill(`INSERT INTO authenticator (id, account_id, kind, label, state, created_at)
      SELECT gen_random_uuid(), id, kind, 'x', 'active', now() FROM account, unnest(ARRAY['password', 'totp', 'push']) kind
      WHERE email LIKE 'many%'`);
    await fill(`INSERT INTO oidc_payload (type, id_digest, payload, grant_id, account_id, uid, expires_at)
      SELECT type, sha256(convert_to(type || n, 'UTF8')), '{}', 'g' || n, NULL, 'u' || n, now() + interval '1 hour'
      FROM generate_series(1, ${PEOPLE}) n, unnest(ARRAY['AccessToken', 'Grant', 'Interaction', 'RefreshToken']) type`);
    await fill(`INSERT INTO op_session (uid, id_digest, payload, created_at, expires_at)
      SELECT 'u' || n, sha256(convert_to('s' || n, 'UTF8')), '{}', now(), now() + interval '1 hour' FROM generate_series(1, ${PEOPLE}) n`);
    await fill(`INSERT INTO login_transaction (uid, client_id, prompt, proofs, created_at, expires_at)
      SELECT 'u' || n, 'app', 'login', '{}', now(), now() + interval '1 hour' FROM generate_series(1, ${PEOPLE}) n`);
    await fill(
      `INSERT INTO throttle (key, failures, updated_at) SELECT 'k' || n, 1, now() FROM generate_series(1, ${PEOPLE}) n`,
    );
    await fill(`INSERT INTO challenge (id, account_id, purpose, number_sealed, number_length, code_digest, code_sealed, context,
        context_digest, state, created_at, expires_at)
      SELECT 'c' || row_number() OVER (), id, 'sign_in', '', 2, sha256(convert_to(email, 'UTF8')), '', '{}', '',
        CASE WHEN email LIKE '%1@%' THEN 'open' ELSE 'approved' END, now(), now()
      FROM account`);
    await fill('ANALYZE');
    expect(await slowOnes(LARGE)).toEqual([]);
  });

  it('is not planned anew each time', async () => {
    for (const [index, [text, values]] of [...statements].entries())
      for (let time = 0; time < 7; time += 1) {
        await owner.query('BEGIN');
        await owner.query({ name: `s${index}`, text, values }).catch(() => {});
        await owner.query('ROLLBACK');
      }
    const { rows: prepared } = await owner.query<{ statement: string; plans: string }>(
      "SELECT statement, generic_plans AS plans FROM pg_prepared_statements WHERE name ~ '^s'",
    );
    expect(prepared).toHaveLength(statements.size);
    const rows = prepared.filter(({ plans }) => plans === '0');
    expect(rows.map(({ statement }) => statement.replace(/\s+/g, ' ').slice(0, 160))).toEqual([]);
  });

  it('is still found by it where all of that has expired and was removed', async () => {
    const emptied = ['oidc_payload', 'op_session', 'login_transaction', 'throttle'];
    for (const table of emptied) await owner.query(`DELETE FROM ${table}`);
    await owner.query(`VACUUM (ANALYZE) ${emptied.join(', ')}`);
    expect(await slowOnes(emptied)).toEqual([]);
  });
});
