import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Dependencies } from '../dependencies.ts';
import { mistakeInEnglish } from '../i18n/mistakes.ts';
import { BY, type Command, type Said, UsageError } from './command.ts';

function told({ organisation, organising }: Dependencies): Said {
  const { name, support, accent, logo } = organisation;
  const data = { name, support: support ?? null, accent: accent ?? null, logo: logo?.type ?? null };
  const help = support && [support.name, support.phone, support.hours].filter(Boolean).join(', ');
  const text = [
    `name    ${name}`,
    `help    ${help ?? '-'}`,
    `colour  ${accent ?? '-'}`,
    `logo    ${logo ? `${logo.type}, ${logo.body.length} bytes` : '-'}`,
    ...(organising.fixed.size > 0 ? [`Set in the environment, which wins: ${[...organising.fixed].join(', ')}.`] : []),
  ].join('\n');
  return { text, data };
}

/** How people meet the organisation. */
export const organisationCommands: readonly Command[] = [
  {
    words: 'organisation show',
    usage: 'organisation show',
    help: 'Shows the name, whom people may ask, the colour and the logo.',
    run: async (d) => told(d),
  },
  {
    words: 'organisation set',
    usage:
      'organisation set [--name <name>] [--support <name>] [--phone <number>] [--hours <text>] [--accent <#rrggbb>] [--logo <file> | --no-logo]',
    help: 'Changes what is mentioned; an empty text takes away what is there. What the environment says wins.',
    examples: ['organisation set --name "Provincie Noord" --support Servicedesk --phone "030 123 45 67"'],
    async run(d, args) {
      const { values } = parseArgs({
        args,
        options: {
          name: { type: 'string' },
          support: { type: 'string' },
          phone: { type: 'string' },
          hours: { type: 'string' },
          accent: { type: 'string' },
          logo: { type: 'string' },
          'no-logo': { type: 'boolean', default: false },
        },
      });
      const mistakes = await d.organising.change(
        {
          name: values.name,
          supportName: values.support,
          supportPhone: values.phone,
          supportHours: values.hours,
          accent: values.accent,
          logo: values.logo === undefined ? (values['no-logo'] ? 'none' : 'keep') : pictureIn(values.logo),
        },
        BY,
      );
      if (mistakes.length > 0) throw new UsageError(mistakes.map(mistakeInEnglish).join('\n'));
      return told(d);
    },
  },
];

function pictureIn(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
