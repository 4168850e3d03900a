import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childrenOf } from '../../bench/lib/processes.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createLog } from '../../src/log.ts';
import { openInstallation } from '../../src/server.ts';
import { removeDataDir } from '../support/data-dir.ts';
import { Laptop } from '../support/laptop.ts';
import { freePort } from '../support/ports.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { approveAndGoOn, enrolPhone, givePassword, goOn } from '../support/story.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-workers-'));
let environment: Record<string, string>;
let url: string;
let first: ChildProcess;
let said = '';

beforeAll(async () => {
  const port = String(await freePort());
  url = `http://localhost:${port}`;
  environment = { PORT: port, DATA_DIR: dataDir, DATABASE_POOL: '4', LOG_LEVEL: 'error' };
  first = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH!, ...environment, WEB_CONCURRENCY: '2' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [first.stdout!, first.stderr!]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
}, 90_000);
afterAll(async () => {
  first.kill('SIGKILL');
  removeDataDir(dataDir);
});

const workers = (): number[] =>
  childrenOf(first.pid!).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/main.ts'));

describe('several processes on one port', () => {
  it('serve sign-ins whose steps and approvals cross, replace one that dies, and all end together', {
    timeout: 90_000,
  }, async () => {
    await expect.poll(() => said, { timeout: 60_000 }).toContain('/setup?code=');
    await expect.poll(() => workers().length).toBe(2);
    // Beside them, as the command line does.
    const { dependencies: d, close } = await openInstallation(
      loadConfig(environment, systemRandom),
      createLog('silent'),
    );
    const by = { actor: 'test', origin: 'test', authority: { kind: 'operator' } } as const;
    const redirectUri = await RelyingParty.redirectUri();
    const registered = await d.clientRegistration.register({ id: 'app', redirectUris: [redirectUri] }, by);
    const person = { email: 'sam@example.org', password: d.administration.madeUpPassword() };
    await d.administration.addAccount({ ...person, displayName: 'Sam' }, by);
    await close();
    const rp = await RelyingParty.discover(url, 'app', registered.ok ? registered.value! : '', redirectUri);

    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const phone = await enrolPhone(laptop, url);
    await goOn(laptop, rp);
    // Each browser of its own, so each with connections of its own.
    for (let time = 0; time < 3; time += 1) {
      const another = new Laptop({ connection: 'close' });
      const request = await givePassword(another, rp, person);
      const tokens = await rp.redeem(request, (await approveAndGoOn(another, phone, rp)).url);
      expect(tokens.claims()).toMatchObject({ acr: 'urn:dubbelslot:acr:mfa' });
    }

    const [victim] = workers();
    process.kill(victim!, 'SIGKILL');
    await expect.poll(() => workers().filter((pid) => pid !== victim).length, { timeout: 30_000 }).toBe(2);
    await expect.poll(() => fetch(`${url}/health/ready`).then(({ status }) => status), { timeout: 30_000 }).toBe(200);

    const ended = new Promise((resolve) => first.once('exit', (code) => resolve(code)));
    first.kill('SIGTERM');
    expect(await ended).toBe(0);
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
  });
});
