/**
 * Ten thousand laptops that wait for an approval on one server: what they cost while nothing happens, and how soon one of them
 * hears of its approval. `npm run bench:waiting` (see README.md).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makeChallenge } from '../src/authenticators/push/challenge.ts';
import { ACR_MFA } from '../src/core/assurance.ts';
import { systemRandom } from '../src/core/random.ts';
import { createCookieSigner } from '../src/crypto/cookie-signer.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { makeInstallation } from './lib/installation.ts';
import { median, percentile, rounded } from './lib/numbers.ts';
import { cpuSeconds, memoryMegabytes } from './lib/processes.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';
import type { WaitingOrder } from './lib/waiting-laptops.ts';

const isSmoke = process.argv.includes('--smoke');
const LAPTOPS = isSmoke ? 50 : 10_000;
const IDLE_SECONDS = isSmoke ? 1 : 45;
const APPROVALS = isSmoke ? 5 : 200;
const AT_ONCE = 8;
/** Longer than the bench; a real one lasts two minutes. */
const LIFETIME_MS = 3_600_000;

const installation = await makeInstallation();
const { application } = await installation.furnish(1);
const server = await startServer(installation.environment);
// Beside the server, on its database: past the pages, because ten thousand passwords would take minutes.
const { dependencies: d, close } = await openInstallation(installation.config, createLog('error'));

const { sign } = createCookieSigner(d.cookieKeysFor('cookies'));
const cookieOf = (uid: string): string => {
  const pair = `interaction=${uid}`;
  return `${pair}; interaction.sig=${sign(pair)}`;
};

const laptops: { uid: string; cookie: string; challenge: string; phone: string }[] = [];
async function addLaptop(number: number): Promise<void> {
  const now = new Date();
  const expiresAt = new Date(now.getTime() + LIFETIME_MS);
  const accountId = systemRandom.uuid();
  const phone = systemRandom.uuid();
  const uid = systemRandom.bytes(32).toString('base64url');
  await d.accounts.add({ id: accountId, email: `laptop${number}@example.org`, displayName: 'Laptop' }, now);
  await d.authenticators.add({ id: phone, accountId, kind: 'push', label: 'Phone', state: 'active' }, now);
  const pause = {
    kind: 'Interaction',
    iat: Math.floor(now.getTime() / 1000),
    exp: Math.floor(expiresAt.getTime() / 1000),
    returnTo: `${installation.issuer}/oidc/auth/${uid}`,
    prompt: { name: 'login', reasons: ['no_session'], details: {} },
    params: { client_id: application.clientId, redirect_uri: application.redirectUri, scope: 'openid' },
    uid,
    cid: uid,
    jti: uid,
  };
  await d.payloads.putPause(
    uid,
    pause,
    {
      uid,
      clientId: application.clientId,
      prompt: 'login',
      requiredAcr: ACR_MFA,
      accountId,
      proofs: ['password'],
      authTime: now,
      expiresAt,
    },
    now,
  );
  const target = {
    channel: 'companion',
    accountId,
    loginUid: uid,
    bindingId: null,
    authenticatorId: null,
    clientId: application.clientId,
  } as const;
  const context = {
    purpose: 'sign_in',
    client: 'web',
    browser: 'bench',
    ip: '192.0.2.1',
    place: null,
    at: now.toISOString(),
  } as const;
  const challenge = { ...makeChallenge(target, context, 2, systemRandom, now), expiresAt };
  await d.challenges.add(challenge, now);
  laptops.push({ uid, cookie: cookieOf(uid), challenge: challenge.id, phone });
}
let begun = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (begun < LAPTOPS) {
      await addLaptop(begun++);
      if (laptops.length % 500 === 0) process.stderr.write(`\r${laptops.length} of ${LAPTOPS} laptops`);
    }
  }),
);
process.stderr.write('\r');

const child = fork(join(import.meta.dirname, 'lib/waiting-laptops.ts'), { stdio: 'inherit' });
const heard = new Map<string, () => void>();
const opened = new Promise<void>((resolve, reject) => {
  child.on('message', (said: { opened?: number; heard?: string; error?: string }) => {
    if (said.error) reject(new Error(said.error));
    if (said.opened) resolve();
    if (said.heard) heard.get(said.heard)?.();
  });
});
const before = memoryMegabytes([server.pid]);
child.send({ issuer: installation.issuer, laptops } satisfies WaitingOrder);
await opened;
const after = memoryMegabytes([server.pid]);
await new Promise((resolve) => setTimeout(resolve, 2000));
const began = cpuSeconds(server.pid);
await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
const idleCpu = (cpuSeconds(server.pid) - began) / IDLE_SECONDS;
const later = memoryMegabytes([server.pid]);

const tookMs: number[] = [];
for (const { uid, challenge, phone } of laptops.slice(0, APPROVALS)) {
  const told = new Promise<void>((resolve) => heard.set(uid, resolve));
  const at = performance.now();
  await d.challenges.answer(challenge, 'approved', phone, new Date());
  await told;
  tookMs.push(performance.now() - at);
}
child.kill();
await once(child, 'exit');
await close();
await server.stop();
installation.remove();

const figures = {
  laptops: LAPTOPS,
  memoryMegabytes: { before: Math.round(before), more: Math.round(after - before), later: Math.round(later - before) },
  idleCpuPercent: rounded(100 * idleCpu),
  answerToHeardMs: { p50: rounded(median(tookMs)), p99: rounded(percentile(tookMs, 0.99)), of: tookMs.length },
};
writeReport('waiting', figures, [
  {
    title: `${LAPTOPS} laptops that wait: memory more`,
    bars: [{ label: 'server', value: figures.memoryMegabytes.more, unit: 'MB', floor: 600, aim: 250 }],
  },
  {
    title: 'CPU of one core while they wait',
    bars: [{ label: 'server', value: figures.idleCpuPercent, unit: '%', floor: 5, aim: 1 }],
  },
]);
