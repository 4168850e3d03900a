import { parseArgs } from 'node:util';
import { wrongWishes } from '../flow/cohorts.ts';
import { BY, type Command, UsageError } from './command.ts';

const MOST_SHOWN = 10;
const WRONG = {
  sizes: 'The sizes are whole numbers with commas between: --sizes 10,40.',
  prefix: 'The prefix is one word: --prefix golf.',
} as const;

/** Coming from Microsoft Entra MFA. */
export const entraCommands: readonly Command[] = [
  {
    words: 'entra cohorts',
    usage: 'entra cohorts [--sizes <numbers>] [--prefix <name>] [--yes]',
    help: 'Divides those of an imported registration report into groups that move one after the other: first groups of these sizes (10,40), then all others, and at last those who used a telephone call or nothing. Says what would be; --yes does it.',
    examples: ['entra cohorts --sizes 10,40 --prefix golf --yes'],
    async run(d, args) {
      const { values } = parseArgs({
        args,
        options: {
          sizes: { type: 'string', default: '10,40' },
          prefix: { type: 'string', default: 'golf' },
          yes: { type: 'boolean', default: false },
        },
      });
      const wishes = { prefix: values.prefix, sizes: values.sizes.split(',').map(Number) };
      const [wrong] = wrongWishes(wishes);
      if (wrong) throw new UsageError(WRONG[wrong]);
      const plan = await d.cohorts.plan(wishes);
      const data = plan.map(({ group, people, coming }) => ({
        group,
        people: people.map(({ email }) => email),
        coming: coming.map(({ email }) => email),
      }));
      const lines = data.map(({ group, people, coming }) => {
        const names = coming.slice(0, MOST_SHOWN).join(', ');
        const more = coming.length > MOST_SHOWN ? ` and ${coming.length - MOST_SHOWN} more` : '';
        return `${group}: ${people.length} there, ${coming.length} ${values.yes ? 'come' : 'would come'}${names ? `: ${names}${more}` : ''}`;
      });
      if (data.every(({ people, coming }) => people.length + coming.length === 0))
        throw new UsageError(
          'Nobody comes from Microsoft Entra yet. Import its registration report first: account import <file>.',
        );
      if (!values.yes) return { text: [...lines, 'Nothing was changed. To do it: --yes.'].join('\n'), data };
      const refused = await d.cohorts.divide(wishes, BY);
      return {
        text: [...lines, ...refused.map(({ email }) => `  ${email}: not changed: their role is too high`)].join('\n'),
        data: { cohorts: data, refused: refused.map(({ email }) => email) },
      };
    },
  },
];
