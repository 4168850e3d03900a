/**
 * Measures the whole server from outside: `npm run bench` (see README.md). Everything real: embedded PostgreSQL with
 * fsync, audit, throttling; every ID token is checked. Figures are ratios against something in the same run.
 */
import { hash } from '@node-rs/argon2';
import * as oidc from 'openid-client';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { Laptop } from '../tests/support/laptop.ts';
import type { Phone } from '../tests/support/phone.ts';
import { RelyingParty } from '../tests/support/relying-party.ts';
import { approveAndGoOn, enrolPhone, givePassword, goOn } from '../tests/support/story.ts';
import { makeInstallation } from './lib/installation.ts';
import { startLoad } from './lib/load-process.ts';
import { median, percentile, rounded, steadyOf } from './lib/numbers.ts';
import { childrenOf, cpuSeconds, memoryMegabytes, postgresCpuSeconds } from './lib/processes.ts';
import { bareHashes } from './lib/references.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SIGN_INS = isSmoke ? 12 : 1000;
const PEOPLE = isSmoke ? 4 : 100;
const CLIENTS = isSmoke ? 2 : 8;
const ROUNDS = isSmoke ? 1 : 3;
/** As many as sign in in a minute: a code counts once. */
const CROWD = isSmoke ? 200 : 3000;
const CAPACITY_SIGN_INS = isSmoke ? 20 : 600;
/** Of which the worst hundredth is read: three of them. */
const REDIRECTS = isSmoke ? 3 : 300;
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;

interface Person {
  readonly email: string;
  readonly password: string;
  phone?: Phone;
}

const bench = await makeInstallation();
const stored = await hash('a password', { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 });
const first = await startServer(bench.environment);
await first.stop();
// Who signs in with a code while others approve.
const crowd = await bench.furnish(CROWD);

// People and the web app, through the same flows as the command line.
const installation = await openInstallation(bench.config, createLog('error'));
const redirectUri = await RelyingParty.redirectUri();
const registered = await installation.dependencies.clientRegistration.register(
  { id: 'bench', name: 'Bench', redirectUris: [redirectUri] },
  BY,
);
const secret = registered.ok ? registered.value : undefined;
const people: Person[] = [];
for (let index = 0; index < PEOPLE; index += 1) {
  const person = {
    email: `approver${index}@example.org`,
    password: installation.dependencies.administration.madeUpPassword(),
  };
  await installation.dependencies.administration.addAccount({ ...person, displayName: person.email }, BY);
  people.push(person);
}
await installation.close();

const url = bench.issuer;
const second = await startServer(bench.environment);
const serverPid = second.pid;
const postmaster = bench.postmaster();
const rp = await RelyingParty.discover(url, 'bench', secret ?? '', redirectUri);

for (const person of people) {
  const laptop = new Laptop();
  await givePassword(laptop, rp, person);
  person.phone = await enrolPhone(laptop, url);
  await goOn(laptop, rp);
}

/** Password, approval, code exchange; it counts only if every claim and a userinfo call check out. */
async function signIn(person: Person): Promise<void> {
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  const landed = await approveAndGoOn(laptop, person.phone!, rp);
  const tokens = await rp.redeem(request, landed.url);
  const claims = tokens.claims()!;
  const isRight =
    claims.acr === 'urn:dubbelslot:acr:mfa' &&
    (claims.amr as string[]).includes('mfa') &&
    Date.now() / 1000 - claims.auth_time! < 60;
  if (!isRight) throw new Error(`wrong claims: ${JSON.stringify(claims)}`);
  await oidc.fetchUserInfo(rp.config, tokens.access_token, claims.sub);
}

async function signIns(
  count: number,
): Promise<{ perSecond: number; cpu: Record<'server' | 'postgres' | 'load', number> }> {
  const before = {
    server: cpuSeconds(serverPid),
    postgres: postgresCpuSeconds(postmaster),
    load: cpuSeconds(process.pid),
  };
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      // Each client has people of its own: one open challenge for an account.
      const mine = people.filter((_person, index) => index % CLIENTS === client);
      for (let turn = 0; next < count; turn += 1) {
        next += 1;
        await signIn(mine[turn % mine.length]!);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  return {
    perSecond: count / seconds,
    cpu: {
      server: (cpuSeconds(serverPid) - before.server) / count,
      postgres: (postgresCpuSeconds(postmaster) - before.postgres) / count,
      load: (cpuSeconds(process.pid) - before.load) / count,
    },
  };
}

await signIns(isSmoke ? 2 : 50);
const rounds = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const before = await bareHashes(stored, isSmoke ? 0.3 : 3);
  const ours = await signIns(Math.ceil(SIGN_INS / ROUNDS));
  const after = await bareHashes(stored, isSmoke ? 0.3 : 3);
  rounds.push({
    before,
    after,
    ours,
    hashes: (before.perSecond + after.perSecond) / 2,
    perCpuSecond: (before.perCpuSecond + after.perCpuSecond) / 2,
  });
}
const { over, rounds: kept } = steadyOf(rounds, ({ before, after }) => [before.perCpuSecond, after.perCpuSecond]);

/** From the server's "accepted" to the phone, to the address that the laptop is sent on to. */
async function approveToRedirect(person: Person): Promise<number> {
  const laptop = new Laptop();
  await givePassword(laptop, rp, person);
  const here = laptop.page.url;
  const { number } = laptop;
  const stream = await laptop.send(`${here}/events`, { headers: { accept: 'text/event-stream' } });
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let redirectedAt = 0;
  const waiting = (async () => {
    for (let text = ''; !text.includes('event: changed'); ) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the stream ended');
      text += value;
    }
    const answer = await laptop.send(here);
    if (answer.status !== 303) throw new Error(`not redirected: ${answer.status}`);
    redirectedAt = performance.now();
    return answer.headers.get('location')!;
  })();
  const approved = await person.phone!.approve(number);
  const acceptedAt = performance.now();
  if (approved.status !== 200) throw new Error('not approved');
  await laptop.open(await waiting, {}, rp.redirectUri);
  return Math.max(0, redirectedAt - acceptedAt);
}

async function redirects(): Promise<{ loopbackMs: number; p50Ms: number; p99Ms: number }> {
  const loopback: number[] = [];
  const tookMs: number[] = [];
  for (let index = 0; index < REDIRECTS; index += 1) {
    tookMs.push(await approveToRedirect(people[index % people.length]!));
    for (let ping = 0; ping < 5; ping += 1) {
      const began = performance.now();
      await (await fetch(`${url}/health/live`)).text();
      loopback.push(performance.now() - began);
    }
  }
  return { loopbackMs: median(loopback), p50Ms: median(tookMs), p99Ms: percentile(tookMs, 0.99) };
}
const idle = await redirects();

// The same while others sign in with a code, at 80 % of what the server can do.
const load = startLoad(crowd.application, crowd.people);
await load.signIns(CLIENTS, isSmoke ? 2 : 50);
const { seconds: fullSeconds } = await load.signIns(CLIENTS, CAPACITY_SIGN_INS);
const perSecond = (0.8 * CAPACITY_SIGN_INS) / fullSeconds;
const stopped = new AbortController();
const crowding = (async () => {
  while (!stopped.signal.aborted) await load.signIns(0, Math.ceil(perSecond * (isSmoke ? 1 : 5)), perSecond);
})();
const loaded = await redirects();
stopped.abort();
await crowding;
load.stop();

const memory = {
  server: memoryMegabytes([serverPid]),
  postgres: memoryMegabytes([postmaster, ...childrenOf(postmaster)]),
};
await second.stop();
bench.remove();

const results = {
  signIns: { people: PEOPLE, atOnce: CLIENTS, count: SIGN_INS, rounds: kept },
  signInsPerSecond: over(({ ours }) => ours.perSecond),
  bareArgon2PerSecond: over(({ hashes }) => hashes),
  ratioToBareArgon2: over(({ ours, hashes }) => ours.perSecond / hashes),
  ratioPerCpuSecondOfServerAndPostgres: over(
    ({ ours, perCpuSecond }) => 1 / (ours.cpu.server + ours.cpu.postgres) / perCpuSecond,
  ),
  cpuMsPerSignIn: {
    server: over(({ ours }) => ours.cpu.server * 1000),
    postgres: over(({ ours }) => ours.cpu.postgres * 1000),
    loadGenerator: over(({ ours }) => ours.cpu.load * 1000),
    oneBareHash: over(({ perCpuSecond }) => 1000 / perCpuSecond),
  },
  approveAcceptedToRedirect: {
    loopbackRequestMs: rounded(idle.loopbackMs, 3),
    p50InLoopbackRequests: rounded(idle.p50Ms / idle.loopbackMs, 1),
    p99Ms: rounded(idle.p99Ms),
    at80PercentOfCapacity: {
      signInsPerSecond: rounded(perSecond, 1),
      p50Ms: rounded(loaded.p50Ms),
      p99Ms: rounded(loaded.p99Ms),
    },
  },
  startToReadyMs: { firstEver: Math.round(first.startMs), existingDatabase: Math.round(second.startMs) },
  memoryMegabytesAfter: { server: Math.round(memory.server), postgres: Math.round(memory.postgres) },
};
writeReport('approvals', results, [
  {
    title: 'Approved to redirected, p99',
    bars: [
      { label: 'idle', value: rounded(idle.p99Ms), unit: 'ms', floor: 30, aim: 15 },
      { label: 'at 80 % of capacity', value: rounded(loaded.p99Ms), unit: 'ms', floor: 100, aim: 50 },
    ],
  },
]);
