import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import type { Config } from '../config/load.ts';
import { lockBackup, openBackup } from '../crypto/backup-file.ts';
import { secretKey } from '../crypto/secret-key.ts';
import { findDatabase } from '../found-database.ts';
import { openInstallation } from '../server.ts';
import { type DumpSummary, dump } from '../store/dump.ts';
import { readDump, restoreDump } from '../store/dump-reading.ts';
import { type BareCommand, BY, type Command, showProgress, UsageError } from './command.ts';

/** What was opened, and how far its file was read. */
async function opened(config: Config, args: string[], verb: string) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { yes: { type: 'boolean' } } });
  const [file = '', ...rest] = positionals;
  const size = (await stat(file).catch(() => undefined))?.size;
  if (size === undefined || rest.length > 0)
    throw new UsageError(file ? `There is no file ${file}.` : 'Give one file.');
  const progress = showProgress(verb);
  let done = 0;
  const read = async function* () {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      done += chunk.length;
      progress.at(done, size);
      yield chunk;
    }
  };
  return { file, progress, isSure: values.yes === true, plain: openBackup(read(), config.secretKeys.map(secretKey)) };
}

function told(did: string, { createdAt, version, rows }: DumpSummary): { text: string; data: object } {
  const all = Object.values(rows).reduce((sum, count) => sum + count, 0);
  const people = rows.account ?? 0;
  const text = `${did}: ${all} rows, ${people} of them people, as of ${createdAt}, version ${version}.`;
  return { text, data: { createdAt, version, rows } };
}

export const backupCommands: readonly (Command | BareCommand)[] = [
  {
    words: 'backup create',
    usage: 'backup create <file>',
    help: 'Writes everything that must not be lost to one file, as it is at one moment, while the server runs. Locked with the secret key, which is not in it: keep that elsewhere, or the file is worth nothing. Who is signed in is not in it either.',
    examples: ['backup create /backup/dubbelslot-$(date +%F).age'],
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const [file = '', ...rest] = positionals;
      if (!file || rest.length > 0) throw new UsageError('Give one file.');
      if (existsSync(file)) throw new UsageError(`There is a file ${file} already.`);
      const progress = showProgress('Wrote');
      const half = `${file}.part`;
      let summary: DumpSummary | undefined;
      const about = { version: packageJson.version, createdAt: d.clock.now().toISOString() };
      const plain = async function* () {
        summary = yield* dump(d.ownerUrl, about, (done, of) => progress.at(done, of));
      };
      try {
        const locked = await lockBackup(plain(), secretKey(d.config.secretKeys[0]!));
        await pipeline(locked, createWriteStream(half, { mode: 0o600 }));
        const written = await open(half, 'r+');
        await written.sync();
        await written.close();
        await rename(half, file);
      } catch (error) {
        await rm(half, { force: true });
        throw error;
      }
      progress.done();
      const { rows } = summary!;
      await d.audit({ action: 'backup.made', object: 'installation', result: 'success', ...BY, detail: { rows } });
      return told(`Written to ${file}`, summary!);
    },
  },
  {
    words: 'backup check',
    usage: 'backup check <file>',
    help: 'Opens a backup and reads it to its end: says whether it is whole, and what is in it. Needs no database.',
    async runBare(config, _log, args) {
      const { file, progress, plain } = await opened(config, args, 'Read');
      const summary = await readDump(plain);
      progress.done();
      return told(`${file} is whole`, summary);
    },
  },
  {
    words: 'backup restore',
    usage: 'backup restore <file> --yes',
    help: 'Puts a backup into an empty database (another DATA_DIR, or an empty DATABASE_URL), all of it or nothing, and brings it up to date. Needs the secret key of the day it was made: put that in DATA_DIR/secret-key or SECRET_KEY first. What was done since is not in it: whom you suspended or reset since, suspend and reset again before people sign in.',
    examples: ['DATA_DIR=./restored npm run cli -- backup restore /backup/dubbelslot-2026-11-25.age --yes'],
    async runBare(config, log, args) {
      const { file, progress, isSure, plain } = await opened(config, args, 'Read');
      if (!isSure) throw new UsageError('This fills a database. Add --yes to do it.');
      const database = await findDatabase(config);
      let summary: DumpSummary;
      try {
        summary = await restoreDump(database.ownerUrl, plain, async (migrations) => {
          await database.migrate(migrations);
        });
      } finally {
        await database.close();
      }
      progress.done();
      const { dependencies: d, close } = await openInstallation(config, log);
      try {
        const detail = { createdAt: summary.createdAt, rows: summary.rows };
        await d.audit({ action: 'backup.restored', object: 'installation', result: 'success', ...BY, detail });
        const { isIntact } = await d.auditIntegrity.verify();
        const { text, data } = told(`Restored from ${file}`, summary);
        const chain = isIntact ? 'The audit log verifies.' : 'The audit log does not verify: see audit verify.';
        return { text: `${text}\n${chain}`, data: { ...data, isLogIntact: isIntact } };
      } finally {
        await close();
      }
    },
  },
];
