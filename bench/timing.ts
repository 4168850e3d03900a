/**
 * Whether the time of an answer tells which accounts there are: `npm run bench:timing`. Wrong passwords for people who are
 * there and who are not, in turn, at the first try and once they must wait; compared by rank (Mann and Whitney, 1947).
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../src/config/load.ts';
import { systemRandom } from '../src/core/random.ts';
import { createLog } from '../src/log.ts';
import { openInstallation } from '../src/server.ts';
import { removeDataDir } from '../tests/support/data-dir.ts';
import { Laptop } from '../tests/support/laptop.ts';
import { freePort } from '../tests/support/ports.ts';
import { RelyingParty } from '../tests/support/relying-party.ts';
import { median } from './lib/numbers.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const PEOPLE = isSmoke ? 20 : 1000;
/** Tries until the next one must wait (`policy/throttling.ts`). */
const BEFORE_A_WAIT = 6;
const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;

const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-timing-'));
const port = await freePort();
const environment = { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: 'error' };
const url = `http://localhost:${port}`;

/** The probability of two samples as different as these where nothing is: two-sided, by the normal approximation. */
function rankSum(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))];
  all.sort((x, y) => x.value - y.value);
  const ranks = all.reduce((sum, { isA }, index) => sum + (isA ? index + 1 : 0), 0);
  const u = ranks - (a.length * (a.length + 1)) / 2;
  const mean = (a.length * b.length) / 2;
  const deviation = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  const z = Math.abs(u - mean) / deviation;
  // Abramowitz and Stegun, 7.1.26.
  const t = 1 / (1 + 0.3275911 * (z / Math.SQRT2));
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return polynomial * Math.exp(-((z / Math.SQRT2) ** 2));
}

const installation = await openInstallation(loadConfig(environment, systemRandom), createLog('silent'));
const d = installation.dependencies;
const redirectUri = 'http://localhost:1/callback';
const registered = await d.clientRegistration.register({ id: 'app', name: 'App', redirectUris: [redirectUri] }, BY);
if (!registered.ok) throw new Error('no app');
const password = d.administration.madeUpPassword();
for (let from = 0; from < PEOPLE; from += 10)
  await Promise.all(
    Array.from({ length: Math.min(10, PEOPLE - from) }, (_, index) =>
      d.administration.addAccount({ email: `er${from + index}@example.org`, displayName: 'x', password }, BY),
    ),
  );
const server = await startServer(environment);
const rp = await RelyingParty.discover(url, 'app', registered.value ?? '', redirectUri);

/** Milliseconds from a wrong password to its answer; opening the page does not count. */
async function tryOnce(laptop: Laptop, email: string): Promise<number> {
  const form = /<form[^>]*action="([^"]*\/password)"[^>]*>([\s\S]*?)<\/form>/.exec(laptop.page.html)!;
  const token = /name="_csrf" value="([^"]*)"/.exec(form[2]!)![1]!;
  const body = new URLSearchParams({ _csrf: token, email, password: 'een verkeerd wachtwoord' });
  const began = performance.now();
  const answer = await laptop.send(new URL(form[1]!, url).href, { method: 'POST', body, headers: { origin: url } });
  await answer.text();
  const took = performance.now() - began;
  if (answer.status !== 401 && answer.status !== 429) throw new Error(`answered ${answer.status}`);
  return took;
}

const first: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
const waiting: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
for (let index = 0; index < PEOPLE; index += 1) {
  // Who comes first changes, so that a warm cache helps neither.
  const order = index % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const);
  for (const which of order) {
    const email = `${which === 'known' ? 'er' : 'niet'}${index}@example.org`;
    const laptop = new Laptop();
    await laptop.open((await rp.request()).url);
    first[which].push(await tryOnce(laptop, email));
    if (index % 10 !== 0) continue;
    for (let more = 1; more < BEFORE_A_WAIT; more += 1) await tryOnce(laptop, email);
    for (let more = 0; more < 10; more += 1) waiting[which].push(await tryOnce(laptop, email));
  }
}
await server.stop();
await installation.close();
removeDataDir(dataDir);

const shown = (what: string, { known, unknown }: typeof first): string =>
  `${what.padEnd(24)} known ${median(known).toFixed(2)} ms, unknown ${median(unknown).toFixed(2)} ms, ratio ${(median(known) / median(unknown)).toFixed(3)}, p = ${rankSum(known, unknown).toFixed(3)} (${known.length} tries each)`;
process.stdout.write(`${shown('a first wrong password', first)}\n${shown('one that must wait', waiting)}\n`);
