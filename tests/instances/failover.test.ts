import { afterAll, beforeAll, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { Cluster } from '../support/cluster.ts';
import { Laptop } from '../support/laptop.ts';
import type { RelyingParty } from '../support/relying-party.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { enrolCodeApp, givePassword, goOn } from '../support/story.ts';

let postgres: ReplicatedPostgres;
let cluster: Cluster;
let rp: RelyingParty;

beforeAll(async () => {
  postgres = await ReplicatedPostgres.start();
  cluster = await Cluster.start(2, {}, { url: postgres.url, ownerUrl: postgres.ownerUrl, drop: async () => {} });
  rp = await cluster.addApp();
});
afterAll(async () => {
  await cluster?.close();
  await postgres?.stop();
});

it('goes on after the primary database is lost under load, and nothing that was acknowledged is', async () => {
  let people = 0;
  let isOver = false;
  /** Those whose token was given: they read that they are done. */
  const acknowledged: string[] = [];
  const failures: unknown[] = [];
  const signIn = async (): Promise<void> => {
    people += 1;
    const email = `failover${people}@example.org`;
    const password = cluster.d.administration.madeUpPassword();
    const added = await cluster.d.administration.addAccount({ email, displayName: 'Test', password }, OPERATOR);
    if (!added.ok) throw new Error(added.refusal.code);
    const laptop = new Laptop();
    const asked = await givePassword(laptop, rp, { email, password });
    await enrolCodeApp(laptop, cluster.url, new Date());
    const tokens = await rp.redeem(asked, (await goOn(laptop, rp)).url);
    expect(tokens.claims()!.sub).toBe(added.value.id);
    acknowledged.push(added.value.id);
  };
  const load = Array.from({ length: 3 }, async () => {
    while (!isOver)
      await signIn().catch(async (error: unknown) => {
        failures.push(error);
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
  });
  const reached = (count: number) =>
    expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count);
  await reached(6);
  const before = acknowledged.length;
  await postgres.failOver();
  await reached(before + 10);
  isOver = true;
  await Promise.all(load);

  // Both processes lived through it.
  for (const { child, output } of cluster.instances) expect(child.exitCode, output).toBeNull();
  const rows = await cluster.d.database.sql<{ id: string; accountId: string }>`SELECT id, account_id FROM authenticator
    WHERE kind = 'totp' AND state = 'active' AND account_id = ANY(${acknowledged}::uuid[])`;
  expect(new Set(rows.map(({ accountId }) => accountId))).toEqual(new Set(acknowledged));
  const ids = rows.map(({ id }) => `authenticator:${id}`);
  const events = await cluster.d.database.sql`SELECT DISTINCT object FROM audit_event
    WHERE action = 'authenticator.activated' AND object = ANY(${ids})`;
  expect(events).toHaveLength(acknowledged.length);
  await cluster.d.linkAudit();
  expect(await cluster.d.auditIntegrity.verify()).toMatchObject({ problemCount: 0 });
  // What failed meanwhile was told as what it is: try again.
  const failed = cluster.instances.flatMap(({ output }) =>
    output.split('\n').filter((line) => line.includes('request failed')),
  );
  expect(failed.filter((line) => !line.includes('"status":503'))).toEqual([]);
  expect(failures.length).toBeLessThan(60);
});
