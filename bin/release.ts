#!/usr/bin/env node
/**
 * Makes a release, here: `npm run release -- 1.2.0`. The version and its date go into package.json and CHANGELOG.md, that is
 * committed and tagged, and in `release/` come the source, the bill of materials, the image where Docker is, and the
 * digests of all of them. Nothing is sent anywhere: look at it, then push the tag.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
/** Its client alone builds nothing. */
const isDockerHere = (): boolean => {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const stop = (sentence: string): never => {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
};

const version = process.argv[2] ?? '';
const numbers = /^(\d+)\.(\d+)\.(\d+)$/;
if (!numbers.test(version)) stop('Say which version: npm run release -- 1.2.0');
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string; version: string };
const before = numbers.exec(packageJson.version)!.slice(1).map(Number);
const wanted = numbers.exec(version)!.slice(1).map(Number);
const first = wanted.findIndex((number, index) => number !== before[index]);
if (first < 0 || wanted[first]! < before[first]!) stop(`${version} is not newer than ${packageJson.version}.`);
if (run('git', 'status', '--porcelain') !== '') stop('There are changes that are not committed.');

const changelogFile = join(root, 'CHANGELOG.md');
const changelog = readFileSync(changelogFile, 'utf8');
const unreleased = /^## Unreleased\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(changelog)?.[1]?.trim() ?? '';
if (unreleased === '') stop('CHANGELOG.md says nothing under “Unreleased”.');
const today = new Date().toISOString().slice(0, 10);
writeFileSync(changelogFile, changelog.replace('## Unreleased\n', `## Unreleased\n\n## ${version} - ${today}\n`));
run('npm', 'version', version, '--no-git-tag-version', '--ignore-scripts');
run('git', 'add', 'package.json', 'package-lock.json', 'CHANGELOG.md');
run('git', 'commit', '--quiet', '--message', `chore: release ${version}`);
// Git's own settings say whether it is signed (tag.gpgSign).
run(
  'git',
  'tag',
  '--annotate',
  '--cleanup=whitespace',
  `v${version}`,
  '--message',
  `${packageJson.name} ${version}\n\n${unreleased}`,
);

const folder = join(root, 'release');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const name = `${packageJson.name}-${version}`;
run('git', 'archive', `--prefix=${name}/`, `--output=release/${name}.tar.gz`, `v${version}`);
writeFileSync(join(folder, `${name}.cdx.json`), run('npm', 'run', '--silent', 'sbom'));
if (isDockerHere()) {
  run('docker', 'build', '--tag', `${packageJson.name}:${version}`, '.');
  run('docker', 'save', '--output', `release/${name}-image.tar`, `${packageJson.name}:${version}`);
} else {
  process.stdout.write('No image: Docker is not here.\n');
}
const digests = readdirSync(folder)
  .sort()
  .map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, file)))
        .digest('hex')}  ${file}\n`,
  );
writeFileSync(join(folder, 'SHA256SUMS'), digests.join(''));
process.stdout.write(
  `${name} is committed, tagged v${version}, and in release/:\n${digests.join('')}Push it with: git push --follow-tags\n`,
);
