import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acrNamed } from '../../core/assurance.ts';
import { accountIdIn } from '../../core/audit.ts';
import { type Mistake, mistake } from '../../core/mistakes.ts';
import type { People } from '../../flow/people.ts';
import type { Answer, PolicyAdministration } from '../../flow/policy-administration.ts';
import { PORTAL_CLIENT_ID } from '../../oidc/portal-client.ts';
import type { Aspect } from '../../policy/document.ts';
import type { Client, Clients } from '../../store/clients.ts';
import { text } from '../text.ts';
import { formMistakes } from '../wording.ts';
import type { Block } from './blocks.ts';
import { goAndSay, showConsole, takeDraft } from './show.ts';

const LARGEST = 60_000;

/** Who is asked for what: the policy in force, trying another one, and what it would ask of somebody. */
export const policyPages: FastifyPluginAsyncZod<{
  policyAdministration: PolicyAdministration;
  people: People;
  clients: Clients;
}> = async (app, n) => {
  const read = { guard: 'console', permission: 'policy:read' } as const;
  const write = { guard: 'console', permission: 'policy:write', isDangerous: true } as const;
  const pretty = (document: unknown): string => JSON.stringify(document, null, 2);

  const whatIfForm = async ({ t }: FastifyRequest, values: Readonly<Record<string, string>>): Promise<Block> => ({
    type: 'form',
    method: 'get',
    action: '/admin/policy/what-if',
    submit: t('console.what_if_submit'),
    fields: [
      { name: 'email', label: t('console.email'), kind: 'email', value: values.email ?? '', isRequired: true },
      {
        name: 'client',
        label: t('console.app'),
        kind: 'select',
        value: values.client ?? PORTAL_CLIENT_ID,
        options: [
          { value: PORTAL_CLIENT_ID, text: t('account.title') },
          ...(await n.clients.list()).filter(signsIn).map(({ id, name }) => ({ value: id, text: name })),
        ],
      },
      {
        name: 'ip',
        label: t('console.where'),
        hint: t('console.what_if_ip_hint'),
        kind: 'text',
        value: values.ip ?? '',
      },
      {
        name: 'acr',
        label: t('console.requested'),
        kind: 'select',
        value: values.acr ?? '',
        options: [
          { value: '', text: t('console.nothing') },
          { value: 'mfa', text: t('console.acr_mfa') },
          { value: 'phr', text: t('console.acr_phr') },
        ],
      },
      { name: 'remembered', label: t('console.browser_remembered'), kind: 'checkbox', value: values.remembered ?? '' },
    ],
  });

  app.get('/admin/policy', { config: read }, async (request, reply) => {
    const { t, times } = request;
    const [{ policy, version }, versions] = await Promise.all([
      n.policyAdministration.current(),
      n.policyAdministration.versions(10),
    ]);
    const authors = versions.map(({ author }) => accountIdIn(author));
    const names = new Map((await n.people.byIds([...new Set(authors)])).map(({ id, email }) => [id, email]));
    return showConsole(request, reply, {
      title: t('console.part_policy'),
      here: 'policy',
      blocks: [
        {
          type: 'text',
          text: policy.rules.length === 0 ? t('console.policy_default') : t('console.policy_version', { version }),
        },
        {
          type: 'table',
          caption: t('console.policy_rules'),
          columns: [t('console.rule'), t('console.when_rule'), t('console.outcome'), t('console.status')],
          empty: t('console.policy_no_rules'),
          rows: policy.rules.map(({ name, when, outcome, reportOnly }) => [
            { text: name },
            { text: Object.keys(when).length === 0 ? t('console.always') : JSON.stringify(when) },
            { text: JSON.stringify(outcome) },
            { text: t(reportOnly ? 'console.report_only' : 'console.in_force') },
          ]),
        },
        request.console!.permissions.has('policy:write') && {
          type: 'links',
          items: [{ path: '/admin/policy/edit', text: t('console.policy_edit') }],
        },
        { type: 'heading', text: t('console.what_if') },
        { type: 'text', text: t('console.what_if_text') },
        await whatIfForm(request, {}),
        { type: 'heading', text: t('console.policy_versions') },
        {
          type: 'table',
          caption: t('console.policy_versions'),
          isCaptionHidden: true,
          columns: [t('console.version'), t('console.when'), t('console.by')],
          empty: t('console.policy_versions_none'),
          rows: versions.map((v) => [
            { text: v.version },
            { text: times.dateTime(v.createdAt) },
            { text: names.get(accountIdIn(v.author)) ?? v.author },
          ]),
        },
      ],
    });
  });

  app.get(
    '/admin/policy/what-if',
    {
      config: read,
      schema: {
        querystring: z.object({
          email: text(254).default(''),
          client: text(100).default(''),
          ip: text(60).default(''),
          acr: text(60).default(''),
          remembered: z.string().max(5).optional(),
        }),
      },
    },
    async (request, reply) => {
      const { t, query } = request;
      const account = await n.people.byEmail(query.email);
      const isAddress = query.ip === '' || isIP(query.ip) !== 0;
      const answer =
        account &&
        isAddress &&
        (await n.policyAdministration.whatIf({
          account,
          clientId: query.client,
          ip: query.ip || '192.0.2.1',
          requested: (query.acr && acrNamed(query.acr)) || null,
          isBrowserRemembered: query.remembered === 'yes',
        }));
      return showConsole(request, reply, {
        title: t('console.what_if'),
        here: 'policy',
        back: { path: '/admin/policy', text: t('console.part_policy') },
        blocks: [
          answer
            ? { type: 'facts', items: answerInWords(answer, request) }
            : { type: 'notice', tone: 'bad', text: t(isAddress ? 'console.person_unknown' : 'console.address_wrong') },
          await whatIfForm(request, { ...query, remembered: query.remembered ?? '' }),
        ],
      });
    },
  );

  const editor = (
    request: FastifyRequest,
    reply: FastifyReply,
    document: string,
    version: string,
    mistakes: readonly Mistake[],
    isOnlyChecked = false,
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.policy_edit'),
      here: 'policy',
      back: { path: '/admin/policy', text: t('console.part_policy') },
      blocks: [
        { type: 'text', text: t('console.policy_edit_text') },
        isOnlyChecked && mistakes.length === 0 && { type: 'notice', tone: 'good', text: t('console.policy_fine') },
        {
          type: 'form',
          action: '/admin/policy/edit',
          hidden: { version },
          submit: t('console.policy_submit'),
          mistakes: formMistakes(t, mistakes).map((each) => ({ ...each, field: 'document' })),
          cancel: { path: '/admin/policy', text: t('common.cancel') },
          fields: [
            {
              name: 'document',
              label: t('console.policy_document'),
              hint: t('console.policy_document_hint'),
              kind: 'textarea',
              value: document,
              rows: 20,
              longest: LARGEST,
              isCode: true,
            },
            {
              name: 'only',
              label: t('console.policy_check_only'),
              kind: 'checkbox',
              value: isOnlyChecked ? 'yes' : '',
            },
          ],
        },
      ],
    });
  };

  app.get('/admin/policy/edit', { config: write }, async (request, reply) => {
    const { policy, version } = await n.policyAdministration.current();
    const draft = takeDraft(request);
    return editor(request, reply, draft.document ?? pretty(policy), draft.version ?? version, []);
  });

  app.post(
    '/admin/policy/edit',
    {
      config: write,
      bodyLimit: LARGEST * 4,
      schema: {
        body: z.object({
          document: text(LARGEST).default(''),
          version: z.string().regex(/^\d{1,15}$/),
          only: z.literal('yes').optional(),
        }),
      },
    },
    async (request, reply) => {
      const { t } = request;
      const { document: typed, version, only } = request.body;
      const read = readJson(typed);
      const isOnly = only === 'yes';
      if (!read.ok) return editor(request, reply, typed, version, [read.mistake], isOnly);
      const { document } = read;
      if (isOnly) {
        const mistakes = await n.policyAdministration.mistakes(document);
        return editor(request, reply, typed, version, mistakes, true);
      }
      const set = await n.policyAdministration.set(document, request.console!.by, version);
      if (set.ok) return goAndSay(request, reply, '/admin/policy', t('console.said_policy', { version: set.version }));
      const mistakes = set.mistakes.length > 0 ? set.mistakes : [mistake('changed_meanwhile')];
      return editor(request, reply, typed, version, mistakes);
    },
  );
};

/** A program signs nobody in. */
const signsIn = ({ metadata }: Client): boolean => metadata.response_types.length > 0;

function readJson(text: string): { ok: true; document: unknown } | { ok: false; mistake: Mistake } {
  try {
    return { ok: true, document: JSON.parse(text) };
  } catch {
    const before = text.slice(0, goodLength(text)).split('\n');
    return {
      ok: false,
      mistake: mistake('not_json', { line: before.length, column: before.at(-1)!.length + 1 }),
    };
  }
}

/** How many characters can still become JSON: V8 does not always say where it stopped. */
function goodLength(text: string): number {
  const canGoOn = (length: number): boolean => {
    try {
      JSON.parse(text.slice(0, length));
      return true;
    } catch (error) {
      const { message } = error as Error;
      const position = /at position (\d+)/.exec(message)?.[1];
      return /end of JSON|Unterminated|No number/.test(message) || Number(position) === length;
    }
  };
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (canGoOn(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

function answerInWords({ decision, withReportOnly }: Answer, { t }: FastifyRequest) {
  const access = (value: string): string =>
    value === 'deny' ? t('console.denied') : t(`console.acr_${value.replace('urn:dubbelslot:acr:', '') as '1fa'}`);
  return [
    { label: t('console.asked'), value: access(decision.access) },
    {
      label: t('console.why'),
      value:
        Object.entries(decision.because)
          .map(([aspect, rule]) => `${t(`console.aspect_${aspect as Aspect}`)}: ${rule}`)
          .join('; ') || '–',
    },
    { label: t('console.enrolment'), value: t(`console.enrolment_${decision.enrolment}`) },
    { label: t('console.may_postpone'), value: t(decision.mayPostpone ? 'console.yes' : 'console.no') },
    { label: t('console.with_report_only'), value: access(withReportOnly.access) },
  ];
}
