import { chownSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { token256 } from '../core/random.ts';
import type { Dependencies } from '../dependencies.ts';
import { BY, type Command, RefusedError, showProgress, UsageError } from './command.ts';

const SHOWN_PLACES = 10;

/** Puts a new key in front of those in the file that the installation keeps its own in. */
function addToKeptFile({ config, random }: Dependencies): string {
  const file = join(config.dataDir, 'secret-key');
  const written = `${file}.new`;
  writeFileSync(written, `${[token256(random), ...config.secretKeys].join('\n')}\n`, { mode: 0o600 });
  // Whoever types this may be root, and the server somebody else.
  const { uid, gid } = statSync(file);
  chownSync(written, uid, gid);
  renameSync(written, file);
  return file;
}

export const keyCommands: readonly Command[] = [
  {
    words: 'keys list',
    usage: 'keys list',
    help: 'Lists the signing keys that are published: which sign, which will, and which only verify what they signed.',
    async run(d) {
      const keys = d.openid.keys();
      const text = keys
        .map(({ kid, alg, state, signsFrom }) => `${kid}  ${alg}  ${state}  from ${signsFrom.toISOString()}`)
        .join('\n');
      return { text, data: keys };
    },
  },
  {
    words: 'keys rotate',
    usage: 'keys rotate [--now]',
    help: 'Makes new signing keys. They are published at once and sign when every web app has had the time to read them (KEY_OVERLAP_HOURS); with --now, at once: after a leak.',
    async run(d, args) {
      const { values } = parseArgs({ args, options: { now: { type: 'boolean' } } });
      const { made, signsFrom } = await d.keyRotation.rotate(values.now === true, BY);
      if (made.length === 0)
        return 'New keys are waiting to sign already: see keys list. To use them now: keys rotate --now';
      return {
        text: `Made ${made.join(' and ')}; signing from ${signsFrom.toISOString()}.`,
        data: { made, signsFrom },
      };
    },
  },
  {
    words: 'keys withdraw',
    usage: 'keys withdraw <key id> --yes',
    help: 'Takes a key that no longer signs out of publication, at once: after a leak. What it signed is refused from then on.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { yes: { type: 'boolean' } },
      });
      const [kid = ''] = positionals;
      if (!values.yes) throw new UsageError('Everything that this key signed will be refused. Add --yes to do it.');
      const withdrawn = await d.keyRotation.withdraw(kid, BY);
      if (withdrawn === 'unknown') throw new UsageError('Give the id of a published key: see keys list.');
      if (withdrawn === 'signs') throw new UsageError('This key signs. Replace it first: keys rotate --now');
      return `Withdrawn ${kid}.`;
    },
  },
  {
    words: 'keys secret',
    usage: 'keys secret --yes',
    help: 'Begins to replace the secret key: puts a new one in front of the one in DATA_DIR/secret-key, or where SECRET_KEY is set, shows a new one to be put in front of it. Then restart every instance, and do: keys reseal',
    async run(d, args) {
      const { values } = parseArgs({ args, options: { yes: { type: 'boolean' } } });
      if (!values.yes) throw new UsageError('This begins to replace the secret key. Add --yes to do it.');
      if (process.env.SECRET_KEY || process.env.SECRET_KEY_FILE) {
        const key = token256(d.random);
        return {
          text: `${key}\n\nPut it in front of the one in SECRET_KEY, with a comma between. Restart every instance, then: keys reseal`,
          data: { key },
        };
      }
      const file = addToKeptFile(d);
      return { text: `A new key stands in front in ${file}. Restart, then: keys reseal`, data: { file } };
    },
  },
  {
    words: 'keys reseal',
    usage: 'keys reseal',
    help: 'Seals all that is sealed with a former secret key anew, with the first key of SECRET_KEY, while the server runs. Every instance must have been started with both. May be interrupted and done again.',
    async run(d) {
      const progress = showProgress('Sealed');
      const { resealed, unopened, isComplete } = await d.resealSecrets(BY, (share) =>
        progress.at(Math.round(share * 1000), 1000),
      );
      progress.done();
      if (unopened.length > 0)
        throw new RefusedError(
          `${unopened.length} values are sealed with a key that is not in SECRET_KEY:\n${unopened.slice(0, SHOWN_PLACES).join('\n')}`,
        );
      if (!isComplete)
        throw new RefusedError(
          `Sealed ${resealed} values anew, and there are still others: does an instance run that was not restarted? Do it again then.`,
        );
      const former = d.config.secretKeys.length - 1;
      return {
        text: [
          `Sealed ${resealed} values anew. Nothing needs a former key any more.`,
          former === 0
            ? 'SECRET_KEY has one key, and all is sealed with it.'
            : 'Take the former keys out of SECRET_KEY (or DATA_DIR/secret-key) and restart. Backups from before today still need them: keep them with those.',
        ].join('\n'),
        data: { resealed, formerKeys: former },
      };
    },
  },
];
