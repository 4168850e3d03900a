import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { completionFor } from '../../src/cli/completion.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { isInstalled } from '../support/judges.ts';

let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation.close());

function cli(...args: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/cli.ts', ...args], {
    env: {
      PATH: process.env.PATH!,
      DATABASE_URL: installation.d.database.url,
      DATABASE_OWNER_URL: installation.ownerUrl,
      DATA_DIR: installation.dataDir,
      PUBLIC_URL: installation.url,
    },
  });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (error += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, error })));
}

describe('the command line', () => {
  it('answers programs as JSON, in what it says and in what it refuses', async () => {
    const added = await cli('account', 'add', 'cli@example.org', '--generate', '--json');
    expect(JSON.parse(added.out)).toMatchObject({
      email: 'cli@example.org',
      password: expect.stringMatching(/^.{23}$/),
    });
    const again = await cli('account', 'add', 'cli@example.org', '--generate', '--json');
    expect([again.code, JSON.parse(again.error).error]).toEqual([
      2,
      'There is an account with this e-mail address already.',
    ]);
    for (const [args, shape] of [
      [['account', 'list'], [{ email: 'cli@example.org', role: null }]],
      [['account', 'groups', 'cli@example.org', '--set', 'a,b'], { said: 'a\nb' }],
      [['client', 'list'], []],
      [['keys', 'list'], expect.any(Array)],
      [['policy', 'show'], { rules: [] }],
      [['audit', 'verify'], { isIntact: true }],
      [
        ['coverage', 'show'],
        [{ groupName: '', people: 1 }, { groupName: 'a' }, { groupName: 'b' }],
      ],
      [['coverage', 'people', '--gap', 'without'], [{ email: 'cli@example.org' }]],
      [['alert', 'list'], []],
      [['webhook', 'list'], { webhooks: [], dead: [] }],
      [['organisation', 'set', '--support', 'Servicedesk'], { support: { name: 'Servicedesk', phone: null } }],
      [['organisation', 'show'], { support: { name: 'Servicedesk' }, logo: null }],
    ] as const) {
      const told = await cli(...args, '--json');
      expect(told.code, told.error).toBe(0);
      expect(JSON.parse(told.out), args.join(' ')).toMatchObject(shape as object);
    }
  });

  it('asks for a word more before it takes something away', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'dubbelslot-cli-')), 'people.csv');
    writeFileSync(file, 'email\nnieuw@example.org\n');
    const checked = await cli('account', 'import', file, '--json');
    const { id } = JSON.parse(checked.out) as { id: string };
    for (const args of [
      ['account', 'suspend', 'cli@example.org'],
      ['account', 'revoke', 'cli@example.org'],
      ['account', 'erase', 'cli@example.org'],
      ['account', 'reset', 'cli@example.org', '--reason', 'only to try'],
      ['account', 'import', '--run', id],
      ['keys', 'withdraw', 'some-key'],
      ['webhook', 'remove', id],
      ['audit', 'truncate', '--before', '2020-01-01'],
    ]) {
      const { code, error } = await cli(...args);
      expect([code, error], args.join(' ')).toEqual([2, expect.stringContaining('--yes')]);
    }
    expect((await installation.d.accounts.byEmail('cli@example.org'))!.status).toBe('active');
    expect(await installation.d.accounts.byEmail('nieuw@example.org')).toBeUndefined();
  });

  it('keeps webhooks', async () => {
    expect((await cli('webhook', 'add', 'ftp://example.org', '--events', '*')).code).toBe(2);
    const added = await cli('webhook', 'add', 'https://siem.example.org/in', '--events', 'alert.raised', '--json');
    const { id, secret } = JSON.parse(added.out) as { id: string; secret: string };
    expect(secret).toMatch(/^whsec_/);
    expect((await cli('webhook', 'list')).out).toContain('https://siem.example.org/in');
    expect((await cli('webhook', 'remove', id, '--yes')).out).toBe('Removed.\n');
    expect((await cli('webhook', 'remove', id, '--yes')).code).toBe(2);
    expect((await cli('webhook', 'remove', 'x', '--yes')).code).toBe(2);
  });

  it('starts and ends campaigns', async () => {
    expect((await cli('campaign', 'start', 'Te laat', '--deadline', '2020-01-01')).code).toBe(2);
    const deadline = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10);
    const started = await cli('campaign', 'start', 'Op tijd', '--deadline', deadline, '--json');
    const { id } = JSON.parse(started.out) as { id: string };
    expect((await cli('campaign', 'list')).out).toContain('going on');
    expect((await cli('campaign', 'show', id)).out).toContain('have a second factor');
    expect((await cli('campaign', 'end', id)).out).toBe('Ended.\n');
    expect((await cli('campaign', 'end', id)).code).toBe(2);
  });

  it('explains every command, with where it is mistyped', async () => {
    const { out } = await cli('--help');
    for (const { usage } of commands) expect(out).toContain(usage.split('\n')[0]);
    const { code, error } = await cli('account', 'frobnicate');
    expect([code, error.split('\n')[0]]).toEqual([2, 'There is no command “account frobnicate”.']);
    expect((await cli('account', 'list', '--nonsense')).code).toBe(2);
  });

  it('completes nouns, verbs and options in bash', () => {
    const script = completionFor('bash', commands);
    const complete = (...typed: string[]): string[] => {
      const ask = `${script}\nCOMP_WORDS=(dubbelslot ${typed.map((word) => `"${word}"`).join(' ')})
        COMP_CWORD=${typed.length}; _dubbelslot; echo "\${COMPREPLY[*]}"`;
      return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).trim().split(' ');
    };
    expect(complete('acc')).toEqual(['account']);
    expect(complete('webhook', 'p')).toEqual(['ping']);
    expect(complete('account', 'reset', '--re')).toEqual(['--reason']);
    for (const { words } of commands) {
      const [noun = '', verb = ''] = words.split(' ');
      expect(complete(noun, verb)).toContain(verb);
    }
  });

  const hasZsh = isInstalled('zsh');
  it.skipIf(!hasZsh)(
    `completes them in zsh${hasZsh ? '' : ' (skipped: zsh is not installed here; .ci/run does)'}`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-zsh-'));
      writeFileSync(join(folder, 'completion.zsh'), completionFor('zsh', commands));
      // A zsh within a terminal of its own, typed at as by a person: what comes back is what they see.
      writeFileSync(
        join(folder, 'drive.zsh'),
        `zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed "PS1='<rea''dy>'; autoload -Uz compinit; compinit -u -D; source ${folder}/completion.zsh"
look() { local all part; for turn in {1..200}; do if zpty -r -t typed part; then all+=$part; [[ $all == *$1* ]] && break; else sleep 0.05; fi; done; print -r -- $all }
look '<ready>' > /dev/null
for line in "dubbelslot acc" "dubbelslot webhook pi" "dubbelslot account reset --rea"; do
  zpty -w -n typed "$line"$'\t'
  sleep 1
  zpty -w -n typed $'# end\n'
  look '# end'
done
zpty -d typed`,
      );
      const seen = execFileSync('zsh', ['-f', join(folder, 'drive.zsh')], { encoding: 'utf8' });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal’s bells, backspaces and colours.
      const shown = seen.replace(/\u001b\[[0-9;?]*[A-Za-z]|.\u0008|[\u0007\r]/g, '');
      for (const line of ['dubbelslot account ', 'dubbelslot webhook ping ', 'dubbelslot account reset --reason '])
        expect(shown).toContain(line);
    },
  );
});
