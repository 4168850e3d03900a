/**
 * Twice as many passwords as the machine can compare, for ten seconds: is what must stay fast still fast, is the excess refused in
 * a way that says so, and is it over when it is over? `npm run bench:overload` (see README.md).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { totpCode } from '../tests/support/totp.ts';
import { Browser } from './lib/browser.ts';
import type { FloodReport, ProbeReport } from './lib/flood.ts';
import { makeInstallation } from './lib/installation.ts';
import { median, percentile, rounded } from './lib/numbers.ts';
import { bareHashes } from './lib/references.ts';
import { relyingParty } from './lib/relying-party.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SECONDS = isSmoke ? 1 : 10;
const PAGES = isSmoke ? 20 : 400;
const CODES = isSmoke ? 8 : 200;
const HASH_SECONDS = isSmoke ? 0.3 : 3;

const installation = await makeInstallation();
const { application, people } = await installation.furnish(PAGES + CODES + 1);
const server = await startServer(installation.environment);
const web = await relyingParty(application);

/** A role of lib/flood.ts. */
function startRole(): { ask<T>(order: object): Promise<T>; stop(): void } {
  const child: ChildProcess = fork(join(import.meta.dirname, 'lib/flood.ts'), { stdio: 'inherit' });
  return {
    ask: <T>(order: object) =>
      new Promise<T>((resolve, reject) => {
        child.once('message', ({ report, error }: { report: T; error?: string }) =>
          error === undefined ? resolve(report) : reject(new Error(error)),
        );
        child.send(order);
      }),
    stop: () => void child.kill(),
  };
}
const flood = startRole();
const probe = startRole();

/** One more person signs in: a token to ask userinfo with. */
const last = people.at(-1)!;
const browser = new Browser();
const request = web.request();
await browser.open(request.url, application.redirectUri);
await browser.submit('/password', { email: last.email, password: last.password }, application.redirectUri);
const code = totpCode(last.totp, new Date());
const landed = await browser.submit('/code', { code }, application.redirectUri);
const { accessToken: token } = await web.finish(request, landed, 'urn:dubbelslot:acr:mfa');

await flood.ask({ what: 'open', application, people: people.slice(0, PAGES) });
await probe.ask({ what: 'give passwords', application, people: people.slice(PAGES, -1), token });

const quiet = await probe.ask<ProbeReport>({ what: 'probe', application, seconds: SECONDS / 2 });
const stored = await hash('a password', { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 });
const { perCpuSecond } = await bareHashes(stored, HASH_SECONDS);
// A core is left for everything else (crypto/password-hash.ts).
const capacity = perCpuSecond * Math.max(1, availableParallelism() - 1);
const [flooded, busy] = await Promise.all([
  flood.ask<FloodReport>({ what: 'flood', perSecond: 2 * capacity, seconds: SECONDS }),
  new Promise((resolve) => setTimeout(resolve, SECONDS * 200)).then(() =>
    probe.ask<ProbeReport>({ what: 'probe', application, seconds: SECONDS * 0.7 }),
  ),
]);
await new Promise((resolve) => setTimeout(resolve, 1000));
const afterwards = await flood.ask<FloodReport>({ what: 'flood', perSecond: 5, seconds: 1 });
flood.stop();
probe.stop();
await server.stop();
installation.remove();

const shown = (values: readonly number[]): { p50: number; p99: number; of: number } => ({
  p50: rounded(median(values), 1),
  p99: rounded(percentile(values, 0.99), 1),
  of: values.length,
});
const all = (report: ProbeReport) => ({
  jwks: shown(report.jwks),
  userinfo: shown(report.userinfo),
  code: shown(report.code),
});
const total = Object.values(flooded.statuses).reduce((sum, count) => sum + count, 0);
const figures = {
  hashesPerSecondThatFit: rounded(capacity, 0),
  passwordsOfferedPerSecond: rounded(total / SECONDS, 0),
  passwordsAnsweredBy: flooded.statuses,
  refusalsWithoutRetryAfter: flooded.unexplained,
  longestAnswerMs: Math.round(flooded.longestMs),
  quietMs: all(quiet),
  busyMs: all(busy),
  aSecondLater: { answeredBy: afterwards.statuses, longestAnswerMs: Math.round(afterwards.longestMs) },
};
writeReport('overload', figures, [
  {
    title: 'p99 at twice the load that the hash takes',
    bars: (['jwks', 'userinfo', 'code'] as const).map((name) => ({
      label: name,
      value: figures.busyMs[name].p99,
      unit: 'ms',
      floor: 100,
      aim: 20,
    })),
  },
]);
