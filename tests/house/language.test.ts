import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeDataDir } from '../support/data-dir.ts';
import { freePort } from '../support/ports.ts';

const ROOT = join(import.meta.dirname, '../..');

it('a third language is one file more: offered, chosen by the browser or by hand, English where it lacks a sentence', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-language-'));
  for (const name of ['src', 'views', 'public', 'migrations', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const frisian = { 'language.fy': 'Frysk', 'home.title': 'Feilich oanmelde by {organisation}' };
  writeFileSync(join(folder, 'src/i18n/fy.json'), JSON.stringify(frisian));
  const port = await freePort();
  const environment = { ...process.env, PORT: String(port), DATA_DIR: join(folder, 'data'), ORGANISATION: 'Provinsje' };
  const run = (file: string, ...args: string[]) =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(folder, file), ...args], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const ended = (child: ReturnType<typeof run>) => new Promise((resolve) => child.once('exit', resolve));
  const server = run('src/main.ts');
  try {
    const url = `http://localhost:${port}`;
    const page = async (path: string, languages: string) =>
      (await fetch(url + path, { headers: { 'accept-language': languages } })).text();
    await expect
      .poll(
        () =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          ),
        { timeout: 30_000 },
      )
      .toBe(true);
    for (const [path, languages] of [
      ['/', 'fy, nl;q=0.5'],
      ['/?lang=fy', 'nl'],
    ] as const) {
      const html = await page(path, languages);
      expect(html).toContain('<html lang="fy">');
      expect(html).toContain('<h1>Feilich oanmelde by Provinsje</h1>');
      expect(html).toContain('Open the app on this phone');
    }
    expect(await page('/', 'nl')).toMatch(/<a href="\/\?lang=fy" hreflang="fy" lang="fy">Frysk<\/a>/);
    expect(await (await fetch(`${url}/app/messages/fy`)).json()).toMatchObject({ organisation: 'Provinsje' });
    expect((await fetch(`${url}/help/pictures/fy/sign-in.png`)).status).toBe(200);
    expect(
      await ended(run('src/cli.ts', 'account', 'add', 'iemand@example.org', '--language', 'fy', '--generate')),
    ).toBe(0);
    expect(
      await ended(run('src/cli.ts', 'account', 'add', 'ander@example.org', '--language', 'xx', '--generate')),
    ).toBe(2);
  } finally {
    server.kill('SIGTERM');
    await ended(server);
    removeDataDir(environment.DATA_DIR);
    rmSync(folder, { recursive: true, force: true });
  }
});
