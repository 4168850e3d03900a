/**
 * Discovery and JWKS against a bare `node:http` that answers as many bytes: CPU of the server for each answer, in turn.
 * `npm run bench:documents` (see README.md).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../tests/support/ports.ts';
import { call } from './lib/browser.ts';
import { makeInstallation } from './lib/installation.ts';
import { median, rounded } from './lib/numbers.ts';
import { cpuSeconds } from './lib/processes.ts';
import { writeReport } from './lib/report.ts';
import { startServer } from './lib/server.ts';

const isSmoke = process.argv.includes('--smoke');
const SECONDS = isSmoke ? 0.3 : 3;
const ROUNDS = isSmoke ? 1 : 7;
const AT_ONCE = 8;

const installation = await makeInstallation();
const server = await startServer(installation.environment);

/** Milliseconds of CPU for one answer. */
async function cost(url: string, pid: number): Promise<number> {
  const until = performance.now() + SECONDS * 1000;
  const before = cpuSeconds(pid);
  let count = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const { status } = await call(url);
      if (status !== 200) throw new Error(`${status} at ${url}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return ((cpuSeconds(pid) - before) * 1000) / count;
}

const rows: Record<string, { bytes: number; oursMs: number; bareMs: number; ratio: number }> = {};
for (const [name, path] of [
  ['discovery', '/.well-known/openid-configuration'],
  ['JWKS', '/oidc/jwks'],
] as const) {
  const url = installation.issuer + path;
  const bytes = Buffer.byteLength((await call(url)).body);
  const port = await freePort();
  const child = fork(join(import.meta.dirname, 'lib/bare-server.ts'), [String(port), String(bytes)]);
  await once(child, 'message');
  const bareUrl = `http://localhost:${port}/`;
  await cost(url, server.pid);
  await cost(bareUrl, child.pid!);
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await cost(bareUrl, child.pid!));
    ours.push(await cost(url, server.pid));
    bare.push(await cost(bareUrl, child.pid!));
  }
  child.kill();
  rows[name] = {
    bytes,
    oursMs: rounded(median(ours), 3),
    bareMs: rounded(median(bare), 3),
    ratio: rounded(median(bare) / median(ours), 2),
  };
}
await server.stop();
installation.remove();
writeReport('documents', { atOnce: AT_ONCE, rounds: ROUNDS, rows }, [
  {
    title: 'Answers per CPU second, against a bare node:http',
    bars: Object.entries(rows).map(([label, { ratio }]) => ({ label, value: ratio, unit: '', floor: 0.25, aim: 0.6 })),
  },
]);
