import { parseArgs } from 'node:util';
import type { AlertKind } from '../core/alert-rules.ts';
import { GAPS } from '../core/gaps.ts';
import { UUID } from '../core/uuid.ts';
import { translator } from '../i18n/translate.ts';
import { BY, type Command, oneId, oneOf, refused, UsageError } from './command.ts';

const MOST = 100;

/** Who is covered, what looks like abuse, and who hears of it. */
export const watchingCommands: readonly Command[] = [
  {
    words: 'coverage show',
    usage: 'coverage show',
    help: 'How many have a second factor, one only, a phone that was silent for 60 days, no recovery codes; everybody first, then each group.',
    async run(d) {
      const all = await d.coverage.now();
      const text = all
        .map((c) =>
          [
            (c.groupName || 'everybody').padEnd(20),
            `${c.people - c.without} of ${c.people} have a second factor`,
            `${c.oneOnly} have one only`,
            `${c.silentPhone} have a silent phone`,
            `${c.noCodes} have no recovery codes`,
          ].join('  '),
        )
        .join('\n');
      return { text, data: all };
    },
  },
  {
    words: 'coverage people',
    usage: `coverage people [--gap ${GAPS.join('|')}] [--group <group>]`,
    help: 'Lists people with a gap.',
    examples: ['coverage people --gap without --group finance'],
    async run(d, args) {
      const { values } = parseArgs({ args, options: { gap: { type: 'string' }, group: { type: 'string' } } });
      const gap = values.gap === undefined ? undefined : oneOf('gap', values.gap, GAPS);
      const people: Awaited<ReturnType<typeof d.coverage.people>> = [];
      for (;;) {
        const page = await d.coverage.people(gap, values.group, MOST, people.at(-1)?.email);
        people.push(...page);
        if (page.length < MOST) break;
      }
      const text = people.map(({ email, gaps }) => `${email}  ${gaps.join(', ')}`).join('\n');
      return { text: text || 'Nobody has a gap.', data: people };
    },
  },
  {
    words: 'alert list',
    usage: 'alert list [--all]',
    help: 'Lists what looks like abuse and nobody has looked into yet, with what to do; with --all also what somebody has.',
    async run(d, args) {
      const { values } = parseArgs({ args, options: { all: { type: 'boolean' } } });
      const t = translator('en');
      const alerts = await d.alertWatch.list(values.all ? undefined : true, MOST);
      const text = alerts
        .map((a) => {
          const kind = a.kind as AlertKind;
          return `${a.id}  ${t(`alert.${kind}_title`)}  ${a.subject}  ${a.count} times since ${a.firstAt.toISOString()}\n    ${t(`alert.${kind}_runbook`)}`;
        })
        .join('\n');
      return { text: text || 'Nothing looks like abuse.', data: alerts };
    },
  },
  {
    words: 'alert acknowledge',
    usage: 'alert acknowledge <id> --note <words>',
    help: 'Says that somebody has looked into it, and what came of it.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { note: { type: 'string' } },
      });
      const done = await d.alertWatch.acknowledge(oneId(positionals, 'alert'), values.note ?? '', BY);
      if (!done.ok) throw refused(done.refusal.code);
      return { text: 'Acknowledged.', data: done.value };
    },
  },
  {
    words: 'webhook list',
    usage: 'webhook list',
    help: 'Lists who hears of events, and what could not be delivered.',
    async run(d) {
      const [webhooks, dead, failing] = await Promise.all([
        d.webhooks.list(),
        d.webhooks.deliveries({ state: 'dead' }, MOST),
        d.webhooks.deliveries({ state: 'due', hasFailed: true }, MOST),
      ]);
      const lines = [
        ...webhooks.map((w) => `${w.id}  ${w.url}  ${w.events.join(', ')}${w.disabledAt ? '  switched off' : ''}`),
        ...failing.map((x) => `  tried again: ${x.id} of ${x.webhookId}, ${x.type}: ${x.lastError}`),
        ...dead.map((x) => `  given up: ${x.id} of ${x.webhookId}, ${x.type}: ${x.lastError ?? ''}`),
      ];
      return { text: lines.join('\n') || 'There are no webhooks.', data: { webhooks, dead, failing } };
    },
  },
  {
    words: 'webhook add',
    usage: 'webhook add <address> --events <event>,<event>... [--description <words>]',
    help: 'Sends events to an address from now on. The secret, with which each message is signed, is shown once.',
    examples: ['webhook add https://siem.example.org/dubbelslot --events "alert.raised,account.*"'],
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { events: { type: 'string' }, description: { type: 'string', default: '' } },
      });
      const [url = '', ...rest] = positionals;
      if (rest.length > 0) throw new UsageError('Give one address.');
      const events = (values.events ?? '')
        .split(',')
        .map((event) => event.trim())
        .filter(Boolean);
      const added = await d.webhookCalls.add({ url, events, description: values.description }, BY);
      if (!added.ok) throw refused(added.refusal.code);
      const { webhook, secret } = added.value;
      return { text: `Added ${webhook.id}.\nSecret: ${secret}   (shown this once)`, data: { id: webhook.id, secret } };
    },
  },
  {
    words: 'webhook ping',
    usage: 'webhook ping <id>',
    help: 'Sends a message to try it. See webhook list for what came of it.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const sent = await d.webhookCalls.ping(oneId(positionals, 'webhook'), BY);
      if (!sent.ok) throw refused(sent.refusal.code);
      await d.webhookCalls.deliver();
      const delivery = (await d.webhooks.deliveries({ webhookId: positionals[0] }, MOST)).find(
        ({ id }) => id === sent.value,
      );
      const text =
        delivery?.state === 'delivered' ? 'Delivered.' : `Not delivered yet: ${delivery?.lastError ?? 'it is due'}.`;
      return { text, data: delivery };
    },
  },
  {
    words: 'webhook redeliver',
    usage: 'webhook redeliver <webhook id> <delivery id>',
    help: 'Tries again what was given up.',
    async run(d, args) {
      const [webhookId = '', deliveryId = '', ...rest] = parseArgs({
        args,
        allowPositionals: true,
        options: {},
      }).positionals;
      if (!UUID.test(webhookId) || !UUID.test(deliveryId) || rest.length > 0)
        throw new UsageError('Give the id of a webhook and of a delivery: see webhook list.');
      const done = await d.webhookCalls.redeliver(webhookId, deliveryId, BY);
      if (!done.ok) throw refused(done.refusal.code);
      return 'It is due again.';
    },
  },
  {
    words: 'webhook remove',
    usage: 'webhook remove <id> --yes',
    help: 'Sends nothing there any more, and forgets what was still owed.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { yes: { type: 'boolean' } },
      });
      const id = oneId(positionals, 'webhook');
      if (!values.yes) throw new UsageError('What it is still owed is lost. Add --yes to do it.');
      const removed = await d.webhookCalls.remove(id, BY);
      if (!removed.ok) throw refused(removed.refusal.code);
      return 'Removed.';
    },
  },
];
