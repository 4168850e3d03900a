import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { MyAccount } from '../../flow/my-account.ts';
import type { PasswordLinks } from '../../flow/password-links.ts';
import type { Reports } from '../../flow/reports.ts';
import { eventInWords, isReportable } from '../history.ts';
import { browserName } from '../plugins/person.ts';
import { takeSaid } from '../said.ts';
import { text, tokenText } from '../text.ts';
import { refusalInWords } from '../wording.ts';

export interface AccountActivityRoutesNeeds {
  readonly myAccount: MyAccount;
  readonly passwordLinks: PasswordLinks;
  readonly reports: Reports;
  readonly placeOf: (ip: string) => string | null;
}

/** The person's own page: where they are signed in, what happened, their password. */
export const accountActivityRoutes: FastifyPluginAsyncZod<AccountActivityRoutesNeeds> = async (app, n) => {
  const config = { guard: 'portal' } as const;
  const fresh = { guard: 'portal-fresh' } as const;

  app.get('/mfa/sessions', { config }, async (request, reply) => {
    const { t, times } = request;
    const { account, opUid, sub } = request.portal!;
    const names = await n.myAccount.clientNames();
    return reply.page('account-sessions', {
      email: account.email,
      said: takeSaid(request)?.text ?? null,
      sessions: (await n.myAccount.sessions(sub)).map((session) => ({
        uid: session.uid,
        isCurrent: session.uid === opUid,
        browser: browserName(session.userAgent ?? undefined) || t('account.browser_unknown'),
        where: [session.ip, session.ip && n.placeOf(session.ip)].filter(Boolean).join(' · '),
        since: times.dateTime(session.createdAt),
        used: times.dateTime(session.lastUsedAt),
        apps: session.clientIds.flatMap((id) => names.get(id) ?? []).join(', '),
      })),
      remembered: (await n.myAccount.remembered(sub)).map(({ id, userAgent, ip, expiresAt }) => ({
        id,
        browser: browserName(userAgent) || t('account.browser_unknown'),
        where: ip,
        until: t('account.remembered_until', { time: times.dateTime(expiresAt) }),
      })),
      forgetAction: '/mfa/sessions/forget',
      endAction: '/mfa/sessions/end',
      endOthersAction: '/mfa/sessions/end-others',
    });
  });

  app.post(
    '/mfa/sessions/end',
    { config, schema: { body: z.object({ uid: tokenText(100).default('') }) } },
    async (request, reply) => {
      await n.myAccount.endSessions(request.portal!.account, { uid: request.body.uid }, request.origin);
      request.session.said = 'account.said_ended';
      return reply.redirect('/mfa/sessions', 303);
    },
  );

  app.post('/mfa/sessions/forget', { config, schema: { body: z.object({ id: z.uuid() }) } }, async (request, reply) => {
    await n.myAccount.forgetBrowser(request.portal!.account, request.body.id, request.origin);
    request.session.said = 'account.said_forgotten';
    return reply.redirect('/mfa/sessions', 303);
  });

  app.post('/mfa/sessions/end-others', { config }, async (request, reply) => {
    const { account, opUid } = request.portal!;
    await n.myAccount.endSessions(account, { keptUid: opUid }, request.origin);
    request.session.said = 'account.said_ended';
    return reply.redirect('/mfa/sessions', 303);
  });

  const before = z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .catch(undefined);
  app.get(
    '/mfa/history',
    { config, schema: { querystring: z.object({ before, lang: z.string().optional() }) } },
    async (request, reply) => {
      const { account, sub } = request.portal!;
      const { events, hasMore } = await n.myAccount.history(sub, request.query.before);
      const names = await n.myAccount.clientNames();
      return reply.page('account-history', {
        email: account.email,
        events: events.map((event) => ({
          ...eventInWords(event, request, names, n.placeOf),
          reportPath: isReportable(event) ? `/mfa/not-me/${event.id}` : null,
        })),
        olderPath: hasMore ? `/mfa/history?before=${events.at(-1)!.id}` : null,
      });
    },
  );

  const params = z.object({ id: z.string().regex(/^\d{1,18}$/) });
  app.get('/mfa/not-me/:id', { config, schema: { params } }, async (request, reply) => {
    const event = await n.myAccount.event(request.portal!.sub, request.params.id);
    if (!event || !isReportable(event)) return reply.redirect('/mfa/history', 303);
    const told = eventInWords(event, request, await n.myAccount.clientNames(), n.placeOf);
    return reply.page('not-me', {
      about: `${told.text}, ${told.time}`,
      action: `/mfa/not-me/${event.id}`,
      code: '',
      backPath: '/mfa/history',
    });
  });

  // Not behind a fresh sign-in: it only closes doors, and whoever sees a stranger must be quick.
  app.post('/mfa/not-me/:id', { config, schema: { params } }, async (request, reply) => {
    const { t } = request;
    const { account, sub } = request.portal!;
    const event = await n.myAccount.event(sub, request.params.id);
    if (!event || !isReportable(event)) return reply.redirect('/mfa/history', 303);
    await n.reports.byOwner(account, `${event.action} ${event.id}`, request.origin);
    return reply.page('message', { title: t('not_me.done_title'), text: t('not_me.done_text'), reference: null });
  });

  const passwordPage = (request: FastifyRequest, reply: FastifyReply, error: string | null = null) =>
    reply.page(
      'account-password',
      {
        email: request.portal!.account.email,
        said: error ? null : (takeSaid(request)?.text ?? null),
        error,
        action: request.portal!.account.source === 'ldap' ? null : '/mfa/password',
      },
      error ? 422 : 200,
    );

  app.get('/mfa/password', { config: fresh }, async (request, reply) => passwordPage(request, reply));

  app.post(
    '/mfa/password',
    { config: fresh, schema: { body: z.object({ password: text(4000).default('') }) } },
    async (request, reply) => {
      const { account, opUid } = request.portal!;
      const changed = await n.passwordLinks.change(account, request.body.password, opUid, request.origin);
      // The session ended while the password was on its way.
      if (!changed.ok && changed.refusal.code === 'access_denied') return reply.redirect('/mfa/sign-in', 303);
      if (!changed.ok)
        return passwordPage(request, reply, refusalInWords(request.t, changed.refusal, 'sign_in.throttled'));
      request.session.said = 'account.said_password';
      return reply.redirect('/mfa/password', 303);
    },
  );
};
