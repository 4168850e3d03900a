import { z } from 'zod';
import { ALERT_KINDS } from '../../core/alert-rules.ts';
import { GAPS } from '../../core/gaps.ts';
import type { Alerts } from '../../flow/alerts.ts';
import type { CoverageReport } from '../../flow/coverage.ts';
import { uncoveredCsv } from '../../flow/csv-files.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Alert } from '../../store/alerts.ts';
import type { Coverage, UncoveredPerson } from '../../store/coverage.ts';
import { sendCsv } from '../csv.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import {
  cursorOf,
  groupName,
  idParams,
  iso,
  isoOrNull,
  listOf,
  paging,
  placeOf,
  time,
  timeOrNull,
  uuid,
} from './schemas.ts';

const counts = {
  people: z.number().int(),
  without: z.number().int().describe('No second factor that can be used.'),
  oneOnly: z.number().int().describe('One only: losing it locks them out.'),
  silentPhone: z.number().int().describe('No phone has answered for 60 days.'),
  noCodes: z.number().int().describe('No recovery code is left.'),
};
const coverage = z
  .strictObject({ group: z.string().nullable().describe('Null for everybody.'), ...counts })
  .meta({ id: 'Coverage' });
const gap = z.enum(GAPS);
const uncovered = z
  .strictObject({
    id: uuid,
    email: z.string(),
    displayName: z.string(),
    groups: z.array(z.string()),
    gaps: z.array(gap),
    lastStrongAt: timeOrNull,
    createdAt: time,
  })
  .meta({ id: 'UncoveredPerson' });

const alert = z
  .strictObject({
    id: uuid,
    kind: z.enum(ALERT_KINDS),
    title: z.string(),
    runbook: z.string().describe('What to do.'),
    subject: z.string().describe('`all`, or whom it is about.'),
    count: z.number().int(),
    firstAt: time,
    lastAt: time,
    raisedAt: time,
    acknowledgedAt: timeOrNull,
    acknowledgedBy: z.string().nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: 'Alert' });

const shownCoverage = ({ groupName: group, ...rest }: Coverage): z.infer<typeof coverage> => ({
  group: group || null,
  ...rest,
});

const shownPerson = (p: UncoveredPerson): z.infer<typeof uncovered> => ({
  id: p.id,
  email: p.email,
  displayName: p.displayName,
  groups: [...p.groups],
  gaps: [...p.gaps],
  lastStrongAt: isoOrNull(p.lastStrongAt),
  createdAt: iso(p.createdAt),
});

export function watchingEndpoints(n: {
  coverage: CoverageReport;
  alertWatch: Alerts;
  t: Translate;
}): readonly Endpoint[] {
  const shownAlert = (a: Alert): z.infer<typeof alert> => {
    const kind = a.kind as z.infer<typeof alert>['kind'];
    return {
      id: a.id,
      kind,
      title: n.t(`alert.${kind}_title`),
      runbook: n.t(`alert.${kind}_runbook`),
      subject: a.subject,
      count: a.count,
      firstAt: iso(a.firstAt),
      lastAt: iso(a.lastAt),
      raisedAt: iso(a.raisedAt),
      acknowledgedAt: isoOrNull(a.acknowledgedAt),
      acknowledgedBy: a.acknowledgedBy,
      note: a.note,
    };
  };
  const asked = { gap: gap.optional(), group: groupName.optional() };

  return [
    endpoint({
      method: 'GET',
      path: '/coverage',
      id: 'getCoverage',
      tag: 'coverage',
      summary: 'How many are protected, everybody first and then each group',
      permission: 'coverage:read',
      answers: { 200: z.strictObject({ items: z.array(coverage) }) },
      async run() {
        return { value: { items: (await n.coverage.now()).map(shownCoverage) } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/coverage/history',
      id: 'getCoverageHistory',
      tag: 'coverage',
      summary: 'The same, day by day',
      permission: 'coverage:read',
      query: z.strictObject({
        group: groupName.optional(),
        days: z.coerce.number().int().min(1).max(3650).default(90),
      }),
      answers: { 200: z.strictObject({ items: z.array(z.strictObject({ day: z.iso.date(), ...counts })) }) },
      async run({ query: { group = '', days } }) {
        const history = await n.coverage.history(group, days);
        return { value: { items: history.map(({ groupName: _group, ...day }) => day) } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/coverage/people',
      id: 'listUncovered',
      tag: 'coverage',
      summary: 'People with a gap, in the order of their addresses',
      permission: 'coverage:read',
      query: z.strictObject({ ...paging, ...asked }),
      answers: { 200: listOf(uncovered) },
      async run({ query: { limit, cursor, gap: which, group } }) {
        const found = await n.coverage.people(which, group, limit + 1, placeOf(cursor));
        const items = found.slice(0, limit);
        const next = found.length > limit ? cursorOf(items.at(-1)!.email) : null;
        return { value: { items: items.map(shownPerson), next }, next };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/coverage/people.csv',
      id: 'exportUncovered',
      tag: 'coverage',
      summary: 'All of them as CSV',
      permission: 'coverage:read',
      query: z.strictObject(asked),
      produces: ['text/csv'],
      answers: { 200: z.string().describe('CSV, RFC 4180, UTF-8.') },
      async run({ query: { gap: which, group }, reply }) {
        sendCsv(reply, 'coverage.csv', uncoveredCsv(n.coverage, which, group));
        return 'sent';
      },
    }),
    endpoint({
      method: 'GET',
      path: '/alerts',
      id: 'listAlerts',
      tag: 'alerts',
      summary: 'What looks like abuse, newest first, with what to do',
      permission: 'alerts:read',
      query: z.strictObject({ open: z.stringbool().optional(), limit: paging.limit }),
      answers: { 200: z.strictObject({ items: z.array(alert) }) },
      async run({ query }) {
        return { value: { items: (await n.alertWatch.list(query.open, query.limit)).map(shownAlert) } };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/alerts/:id/acknowledge',
      id: 'acknowledgeAlert',
      tag: 'alerts',
      summary: 'Says that somebody has looked into it, and what came of it',
      permission: 'alerts:write',
      params: idParams,
      body: z.strictObject({ note: text(1000).min(3) }),
      answers: { 200: alert },
      async run({ params, body, by }) {
        const done = await n.alertWatch.acknowledge(params.id, body.note, by);
        return done.ok ? { value: shownAlert(done.value) } : done;
      },
    }),
  ];
}
