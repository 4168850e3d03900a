import { parseArgs } from 'node:util';
import { BY, type Command, oneId, refused, UsageError } from './command.ts';

const MOST = 100;

/** Getting a group to set up a second factor before a day. */
export const campaignCommands: readonly Command[] = [
  {
    words: 'campaign list',
    usage: 'campaign list',
    help: 'Lists enrolment campaigns, newest first.',
    async run(d) {
      const all = await d.campaigning.list(MOST);
      const text = all
        .map((c) =>
          [
            c.id,
            c.name,
            c.groupName || 'everybody',
            `${c.startsOn} to ${c.deadline}`,
            d.campaigning.isRunning(c) ? 'going on' : '',
          ]
            .filter(Boolean)
            .join('  '),
        )
        .join('\n');
      return { text: text || 'There are no campaigns.', data: all };
    },
  },
  {
    words: 'campaign start',
    usage: 'campaign start <name> --deadline <day> [--from <day>] [--group <group>] [--every <days>]',
    help: 'Reminds those of a group who have no second factor, by mail, every seven days unless you say otherwise, until they have one or the deadline comes.',
    examples: ['campaign start "Finance" --group finance --deadline 2027-01-31'],
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          deadline: { type: 'string' },
          from: { type: 'string' },
          group: { type: 'string', default: '' },
          every: { type: 'string', default: '7' },
        },
      });
      const every = Number(values.every);
      if (!Number.isInteger(every) || every < 1 || every > 60) throw new UsageError('--every is 1 to 60 days.');
      const [name = '', ...rest] = positionals;
      if (!values.deadline || rest.length > 0) throw new UsageError('Give one name, and a deadline like 2027-01-31.');
      const started = await d.campaigning.start(
        {
          name,
          groupName: values.group,
          startsOn: values.from ?? d.clock.now().toISOString().slice(0, 10),
          deadline: values.deadline,
          remindEveryDays: every,
        },
        BY,
      );
      if (!started.ok) throw refused(started.refusal.code);
      return { text: `Started ${started.value.id}.`, data: started.value };
    },
  },
  {
    words: 'campaign show',
    usage: 'campaign show <id>',
    help: 'Says how a campaign goes: who is left, and how many mails were sent.',
    async run(d, args) {
      const view = await d.campaigning.look(
        oneId(parseArgs({ args, allowPositionals: true, options: {} }).positionals, 'campaign'),
      );
      if (!view) throw refused('campaign_unknown');
      const { campaign, people, without, mails, reminded } = view;
      const text = `${campaign.name}: ${people - without} of ${people} have a second factor; ${mails} mails to ${reminded} people; until ${campaign.deadline}.`;
      return { text, data: view };
    },
  },
  {
    words: 'campaign end',
    usage: 'campaign end <id>',
    help: 'Ends a campaign: nobody is reminded any more.',
    async run(d, args) {
      const id = oneId(parseArgs({ args, allowPositionals: true, options: {} }).positionals, 'campaign');
      const ended = await d.campaigning.end(id, BY);
      if (!ended.ok) throw refused(ended.refusal.code);
      return { text: 'Ended.', data: ended.value };
    },
  },
];
