import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const folder = join(mkdtempSync(join(tmpdir(), 'dubbelslot-release-')), 'project');
const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' });
const release = (version: string) =>
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'bin/release.ts', version], {
    cwd: folder,
    encoding: 'utf8',
  });

beforeAll(() => {
  // What is here, committed or not, as a project of its own.
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  execFileSync(
    'sh',
    ['-c', `mkdir -p "${folder}" && tar --create --files-from - --file - | tar --extract --directory "${folder}"`],
    {
      cwd: ROOT,
      input: files,
    },
  );
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'user.name', 'Test');
  git('config', 'user.email', 'test@example.org');
  writeFileSync(join(folder, '.git/info/exclude'), 'node_modules\nrelease\n');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'before');
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

it('a release is refused in words where it cannot be one', () => {
  expect(release('one').stderr).toContain('Say which version');
  expect(release('0.0.1').stderr).toContain('is not newer than');
  writeFileSync(join(folder, 'left.txt'), 'x');
  expect(release('9.9.9').stderr).toContain('changes that are not committed');
  rmSync(join(folder, 'left.txt'));
  expect(git('tag')).toBe('');
});

it('a release is a commit, a tag, the source, the bill of materials, and digests that are right', {
  timeout: 60_000,
}, () => {
  const made = release('9.9.9');
  expect(made.stderr + made.stdout).toContain('dubbelslot-9.9.9 is committed, tagged v9.9.9');
  expect(git('log', '-1', '--format=%s').trim()).toBe('chore: release 9.9.9');
  expect(git('cat-file', '-t', 'v9.9.9').trim()).toBe('tag');
  expect(git('tag', '--list', '--format=%(contents:body)', 'v9.9.9')).toContain('### Added');
  expect(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')).toMatch(
    /## Unreleased\n\n## 9\.9\.9 - \d{4}-\d\d-\d\d\n\n### /,
  );
  const files = readdirSync(join(folder, 'release'));
  expect(files).toEqual(expect.arrayContaining(['SHA256SUMS', 'dubbelslot-9.9.9.cdx.json', 'dubbelslot-9.9.9.tar.gz']));
  const checked = spawnSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: join(folder, 'release'), encoding: 'utf8' });
  expect(checked.status, checked.stderr).toBe(0);
  const bill = JSON.parse(readFileSync(join(folder, 'release/dubbelslot-9.9.9.cdx.json'), 'utf8'));
  expect(bill.metadata.component).toMatchObject({ name: 'dubbelslot', version: '9.9.9' });
  const source = execFileSync('tar', ['--list', '--file', join(folder, 'release/dubbelslot-9.9.9.tar.gz')], {
    encoding: 'utf8',
  });
  expect(source).toContain('dubbelslot-9.9.9/src/main.ts\n');
  expect(source).not.toMatch(/node_modules|\.git\//);
  expect(release('9.9.10').stderr).toContain('says nothing under');
});
