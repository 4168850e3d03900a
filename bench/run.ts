/**
 * Measures the whole server from outside: `npm run bench` (see README.md). Everything real: embedded PostgreSQL with
 * fsync, audit, throttling; every ID token is checked. Figures are ratios against something in the same run.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import * as oidc from 'openid-client';
import { loadConfig } from '../src/config/load.ts';
import { systemRandom } from '../src/core/random.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { postgresHome, removeDataDir } from '../tests/support/data-dir.ts';
import { Laptop } from '../tests/support/laptop.ts';
import type { Phone } from '../tests/support/phone.ts';
import { freePort } from '../tests/support/ports.ts';
import { RelyingParty } from '../tests/support/relying-party.ts';
import { approveAndGoOn, enrolPhone, givePassword, goOn } from '../tests/support/story.ts';
import { bareHashes } from './lib/hashes.ts';
import { MOST_DRIFT, median, percentile, rounded } from './lib/numbers.ts';
import { childrenOf, cpuSeconds, memoryMegabytes, postgresCpuSeconds } from './lib/processes.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SIGN_INS = isSmoke ? 12 : 1000;
const PEOPLE = isSmoke ? 4 : 100;
const CLIENTS = isSmoke ? 2 : 8;
const ROUNDS = isSmoke ? 1 : 3;
const REDIRECTS = isSmoke ? 3 : 100;
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;

interface Person {
  readonly email: string;
  readonly password: string;
  phone?: Phone;
}

const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-bench-'));
const port = await freePort();
const environment = { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: 'warn' };
const url = `http://localhost:${port}`;

const stored = await hash('a password', { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 });

const first = await startServer(environment);
await first.stop();

// People and the web app, through the same flows as the command line.
const installation = await openInstallation(loadConfig(environment, systemRandom), createLog('error'));
const redirectUri = await RelyingParty.redirectUri();
const registered = await installation.dependencies.clientRegistration.register(
  { id: 'bench', name: 'Bench', redirectUris: [redirectUri] },
  BY,
);
const secret = registered.ok ? registered.value : undefined;
const people: Person[] = [];
for (let index = 0; index < PEOPLE; index += 1) {
  const person = {
    email: `person${index}@example.org`,
    password: installation.dependencies.administration.madeUpPassword(),
  };
  await installation.dependencies.administration.addAccount({ ...person, displayName: person.email }, BY);
  people.push(person);
}
await installation.close();

const second = await startServer(environment);
const serverPid = second.pid;
const postmaster = Number(readFileSync(join(postgresHome(dataDir), 'cluster/postmaster.pid'), 'utf8').split('\n')[0]);
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
  const drift = Math.abs(before.perCpuSecond - after.perCpuSecond) / before.perCpuSecond;
  rounds.push({
    ours,
    hashes: (before.perSecond + after.perSecond) / 2,
    perCpuSecond: (before.perCpuSecond + after.perCpuSecond) / 2,
    drift,
  });
}
const kept = rounds.filter(({ drift }) => drift <= MOST_DRIFT);
const counted = kept.length > 0 ? kept : rounds;

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

const loopback: number[] = [];
const redirects: number[] = [];
for (let index = 0; index < REDIRECTS; index += 1) {
  redirects.push(await approveToRedirect(people[index % people.length]!));
  for (let ping = 0; ping < 5; ping += 1) {
    const began = performance.now();
    await (await fetch(`${url}/health/live`)).text();
    loopback.push(performance.now() - began);
  }
}

const memory = {
  server: memoryMegabytes([serverPid]),
  postgres: memoryMegabytes([postmaster, ...childrenOf(postmaster)]),
};
await second.stop();
removeDataDir(dataDir);

const over = (pick: (round: (typeof counted)[number]) => number): number => median(counted.map(pick));
const results = {
  machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
  signIns: { people: PEOPLE, atOnce: CLIENTS, count: SIGN_INS, roundsKept: kept.length, rounds: rounds.length },
  signInsPerSecond: rounded(over(({ ours }) => ours.perSecond)),
  bareArgon2PerSecond: rounded(over(({ hashes }) => hashes)),
  ratioToBareArgon2: rounded(
    over(({ ours, hashes }) => ours.perSecond / hashes),
    3,
  ),
  ratioPerCpuSecondOfServerAndPostgres: rounded(
    over(({ ours, perCpuSecond }) => 1 / (ours.cpu.server + ours.cpu.postgres) / perCpuSecond),
    3,
  ),
  cpuMsPerSignIn: {
    server: rounded(over(({ ours }) => ours.cpu.server * 1000)),
    postgres: rounded(over(({ ours }) => ours.cpu.postgres * 1000)),
    loadGenerator: rounded(over(({ ours }) => ours.cpu.load * 1000)),
    oneBareHash: rounded(over(({ perCpuSecond }) => 1000 / perCpuSecond)),
  },
  approveAcceptedToRedirect: {
    loopbackRequestMs: rounded(median(loopback), 3),
    p50InLoopbackRequests: rounded(median(redirects) / median(loopback), 1),
    p99InLoopbackRequests: rounded(percentile(redirects, 0.99) / median(loopback), 1),
  },
  startToReadyMs: { firstEver: Math.round(first.startMs), existingDatabase: Math.round(second.startMs) },
  memoryMegabytesAfter: { server: Math.round(memory.server), postgres: Math.round(memory.postgres) },
};
mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
writeFileSync(join(import.meta.dirname, 'results/latest.json'), `${JSON.stringify(results, null, 2)}\n`);
console.log(JSON.stringify(results, null, 2));
