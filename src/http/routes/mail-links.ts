import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { PasswordLinks } from '../../flow/password-links.ts';
import type { Reports } from '../../flow/reports.ts';
import type { SupportUndo } from '../../flow/support-undo.ts';
import { setLinkCookie } from '../link-cookie.ts';
import { text } from '../text.ts';
import { refusalInWords } from '../wording.ts';

export interface MailLinkRoutesNeeds {
  readonly passwordLinks: PasswordLinks;
  readonly reports: Reports;
  readonly supportUndo: SupportUndo;
  readonly isSecure: boolean;
}

/** What people reach from a mail, before anybody knows who they are. */
export const mailLinkRoutes: FastifyPluginAsyncZod<MailLinkRoutesNeeds> = async (app, n) => {
  const config = { public: true } as const;
  const code = text(200).default('');
  const query = { config, schema: { querystring: z.object({ code, lang: z.string().optional() }) } };
  const body = { config, schema: { body: z.object({ code }) } };

  app.get('/password/forgotten', { config }, async (_request, reply) =>
    reply.page('password-forgotten', { action: '/password/forgotten', email: '', error: null }),
  );

  app.post(
    '/password/forgotten',
    { config, schema: { body: z.object({ email: text(1000).default('') }) } },
    async (request, reply) => {
      const { t } = request;
      const email = request.body.email.trim().toLowerCase().slice(0, 254);
      const again = (error: string, status: number) =>
        reply.page('password-forgotten', { action: '/password/forgotten', email, error }, status);
      if (!/^[^@\s]+@[^@\s]+$/.test(email)) return again(t('setup.email_invalid'), 422);
      const asked = await n.passwordLinks.forgotten(email, request.origin);
      if (!asked.ok) {
        reply.header('retry-after', asked.refusal.retryAfterSeconds ?? 600);
        return again(refusalInWords(t, asked.refusal, 'forgotten.throttled'), 429);
      }
      return reply.page('message', {
        title: t('forgotten.sent_title'),
        text: t('forgotten.sent_text', { email }),
        reference: null,
      });
    },
  );

  const gone = (t: import('../../i18n/translate.ts').Translate, reply: import('fastify').FastifyReply) =>
    reply.page('message', { title: t('link.gone_title'), text: t('link.gone_text'), reference: null }, 410);

  app.get('/password/link', query, async (request, reply) => {
    const found = await n.passwordLinks.find(request.query.code);
    if (!found) return gone(request.t, reply);
    return reply.page('password-link', {
      purpose: found.link.purpose === 'first_password' ? 'first_password' : 'password_reset',
      email: found.account.email,
      action: '/password/link',
      code: request.query.code,
    });
  });

  // A program that looks at links in mails does not get this far: it takes a form.
  app.post('/password/link', body, async (request, reply) => {
    if (!(await n.passwordLinks.find(request.body.code))) return gone(request.t, reply);
    setLinkCookie(reply, n.isSecure, request.body.code);
    return reply.redirect('/mfa/sign-in?again=yes', 303);
  });

  app.get('/not-me', query, async (request, reply) => {
    if (!(await n.reports.isOpen(request.query.code))) return gone(request.t, reply);
    return reply.page('not-me', { about: null, action: '/not-me', code: request.query.code, backPath: '/' });
  });

  app.get('/undo', query, async (request, reply) => {
    const { code } = request.query;
    if (!(await n.supportUndo.isOpen(code))) return gone(request.t, reply);
    return reply.page('undo', { action: '/undo', code });
  });

  app.post('/undo', body, async (request, reply) => {
    const { t } = request;
    if (!(await n.supportUndo.undo(request.body.code, request.origin))) return gone(t, reply);
    return reply.page('message', { title: t('undo.done_title'), text: t('undo.done_text'), reference: null });
  });

  app.post('/not-me', body, async (request, reply) => {
    const { t } = request;
    if (!(await n.reports.byMail(request.body.code, request.origin))) return gone(t, reply);
    return reply.page('message', { title: t('not_me.done_title'), text: t('not_me.done_text'), reference: null });
  });
};
