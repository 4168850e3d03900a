import { parseArgs } from 'node:util';
import { BY, type Command, UsageError } from './command.ts';

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
];
