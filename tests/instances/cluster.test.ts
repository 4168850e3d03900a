import { readdirSync } from 'node:fs';
import { request as ask } from 'node:http';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FREE_FAILURES } from '../../src/policy/throttling.ts';
import { OPERATOR } from '../support/administration.ts';
import { Cluster } from '../support/cluster.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { approveAndGoOn, enrolCodeApp, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

const CALLS = 40;
let people = 0;

describe.each([2, 4])('%i servers on one database, behind a proxy that gives each request to the next', (count) => {
  let cluster: Cluster;
  let rp: RelyingParty;

  beforeAll(async () => {
    cluster = await Cluster.start(count, { API_CALLS_PER_MINUTE: String(CALLS) });
    // Every instance hears of a new web app.
    rp = await cluster.addApp({ grants: ['refresh'] });
  });
  afterAll(() => cluster?.close());

  const addPerson = async () => {
    people += 1;
    const password = cluster.d.administration.madeUpPassword();
    const email = `instance${people}@example.org`;
    const added = await cluster.d.administration.addAccount({ email, displayName: 'Test', password }, OPERATOR);
    if (!added.ok) throw new Error(added.refusal.code);
    return { id: added.value.id, email, password };
  };
  const enrolled = async () => {
    const person = await addPerson();
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const phone = await enrolPhone(laptop, cluster.url);
    await goOn(laptop, rp);
    return { ...person, phone };
  };

  it('start together: each migration is done once, and all sign with the same keys', async () => {
    const done = await cluster.d.database.sql<{ count: number }>`SELECT count(*)::int AS count FROM _prisma_migrations
      GROUP BY migration_name`;
    expect(done.length).toBe(readdirSync('migrations').filter((name) => /^\d/.test(name)).length);
    expect(done.every((each) => each.count === 1)).toBe(true);
    const keys = await Promise.all(
      cluster.instances.map(({ port }) =>
        fetch(`http://localhost:${port}/oidc/jwks`, { headers: { host: new URL(cluster.url).host } }).then((answer) =>
          answer.text(),
        ),
      ),
    );
    expect(new Set(keys).size).toBe(1);
  });

  it('carry a sign-in from one to the next, to tokens, a refresh and the end of it', async () => {
    const before = cluster.instances.map(({ answered }) => answered);
    const person = await enrolled();
    const laptop = new Laptop();
    const asked = await givePassword(laptop, rp, person);
    const page = await approveAndGoOn(laptop, person.phone, rp);
    const tokens = await rp.redeem(asked, page.url);
    expect(tokens.claims()).toMatchObject({ sub: person.id, acr: 'urn:dubbelslot:acr:mfa' });
    const again = await oidc.refreshTokenGrant(rp.config, tokens.refresh_token!);
    expect((await oidc.fetchUserInfo(rp.config, again.access_token, person.id)).sub).toBe(person.id);
    // Each of them had its share.
    for (const [index, { answered }] of cluster.instances.entries()) expect(answered).toBeGreaterThan(before[index]!);
    await cluster.d.people.change(person.id, { status: 'suspended' }, OPERATOR);
    await expect(oidc.refreshTokenGrant(rp.config, again.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  /** What a waiting page hears, at one instance. */
  const listen = (laptop: Laptop, index: number): { changed: Promise<void>; end(): void } => {
    const path = /data-events="([^"]+)"/.exec(laptop.page.html)![1]!;
    const cookie = laptop
      .cookies()
      .map((each) => each.split(';')[0])
      .join('; ');
    const call = ask(new URL(path, cluster.url), { headers: { cookie, 'x-instance': String(index) } });
    const changed = new Promise<void>((resolve, reject) => {
      call.on('response', (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
        answer.on('data', (part: Buffer) => {
          if (part.toString().includes('event: changed')) resolve();
        });
      });
      call.on('error', reject);
    });
    changed.catch(() => {});
    call.end();
    return { changed, end: () => call.destroy() };
  };
  const approveAt = async (person: Awaited<ReturnType<typeof enrolled>>, laptop: Laptop, index: number) => {
    const direct = fetch;
    // The phone's own calls, all at one instance.
    globalThis.fetch = ((url: string, init: RequestInit = {}) =>
      direct(url, { ...init, headers: { ...(init.headers as object), 'x-instance': String(index) } })) as typeof fetch;
    try {
      expect((await person.phone.approve(laptop.number)).status).toBe(200);
    } finally {
      globalThis.fetch = direct;
    }
  };

  it('tell a page that waits at one of what a phone said at another', async () => {
    const person = await enrolled();
    for (let index = 0; index < count; index += 1) {
      const laptop = new Laptop();
      await givePassword(laptop, rp, person);
      const waiting = listen(laptop, index);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await approveAt(person, laptop, (index + 1) % count);
      await waiting.changed;
      waiting.end();
      expect((await laptop.open(laptop.page.url, {}, rp.redirectUri)).url).toContain('code=');
    }
  });

  it('catch up on what was said while nobody listened', async () => {
    const person = await enrolled();
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const waiting = listen(laptop, 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const cut = await cluster.d.database.sql<{ isCut: boolean }>`SELECT pg_terminate_backend(pid) AS is_cut
      FROM pg_stat_activity WHERE application_name = 'dubbelslot signals' AND datname = current_database()`;
    expect(cut.length).toBeGreaterThanOrEqual(count);
    await approveAt(person, laptop, 1);
    await waiting.changed;
    waiting.end();
  });

  it('count failures together, and calls of the API', async () => {
    const person = await addPerson();
    const tried = await together(count * 8, async () => {
      const laptop = new Laptop();
      await givePassword(laptop, rp, { ...person, password: 'verkeerd geraden' });
      return laptop.page.status;
    });
    const states = fulfilled(tried);
    expect(states.filter((status) => status === 401)).toHaveLength(FREE_FAILURES + 1);
    expect(states.filter((status) => status === 429)).toHaveLength(count * 8 - FREE_FAILURES - 1);

    const uri = `${cluster.url}/api/v1`;
    const registered = await cluster.d.clientRegistration.register(
      {
        id: 'program',
        name: 'Program',
        profile: 'machine',
        resources: [{ uri, scopes: ['accounts:read'], format: 'opaque' }],
      },
      OPERATOR,
    );
    if (!registered.ok) throw new Error(registered.mistakes.join());
    const machine = await RelyingParty.discover(cluster.url, 'program', registered.value ?? '', '');
    const { access_token } = await oidc.clientCredentialsGrant(machine.config, {
      scope: 'accounts:read',
      resource: uri,
    });
    // Within one minute of the clock by which they are counted.
    const toNext = 60_000 - (Date.now() % 60_000);
    if (toNext < 15_000) await new Promise((resolve) => setTimeout(resolve, toNext + 100));
    const calls = await together(CALLS * 2, () =>
      fetch(`${uri}/accounts?limit=1`, { headers: { authorization: `Bearer ${access_token}` } }).then(
        ({ status }) => status,
      ),
    );
    const answers = fulfilled(calls);
    expect(answers.filter((status) => status === 200)).toHaveLength(CALLS);
    expect(answers.filter((status) => status === 429)).toHaveLength(CALLS);
  });

  it('are restarted one after the other under load, and no sign-in is dropped', async () => {
    let isOver = false;
    const problems: unknown[] = [];
    let finished = 0;
    const signIn = async (): Promise<void> => {
      const person = await addPerson();
      const laptop = new Laptop();
      const asked = await givePassword(laptop, rp, person);
      await enrolCodeApp(laptop, cluster.url, new Date());
      const tokens = await rp.redeem(asked, (await goOn(laptop, rp)).url);
      expect(tokens.claims()!.sub).toBe(person.id);
      finished += 1;
    };
    const load = Array.from({ length: 3 }, async () => {
      while (!isOver) await signIn().catch((error: unknown) => problems.push(error));
    });
    for (let index = 0; index < count; index += 1) await cluster.restart(index);
    isOver = true;
    await Promise.all(load);
    expect(problems).toEqual([]);
    expect(finished).toBeGreaterThan(count);
    expect((await cluster.d.auditIntegrity.verify()).problemCount ?? 0).toBe(0);
  });
});
