import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Refusal } from '../../core/refusals.ts';
import type { Administration } from '../../flow/administration.ts';
import { text } from '../text.ts';
import { refusalInWords } from '../wording.ts';

/** The one-time link of a new installation: the first administrator's account. */
export const setupRoutes: FastifyPluginAsyncZod<{ administration: Administration }> = async (app, n) => {
  const config = { public: true } as const;
  const field = text(1000).default('');

  app.get(
    '/setup',
    { config, schema: { querystring: z.object({ code: field, lang: z.string().optional() }) } },
    async (request, reply) => {
      const { code } = request.query;
      if (!(await n.administration.isFirstInvitationOpen(code))) return invalid(request.t, reply);
      return reply.page('setup', { action: '/setup', code, name: '', email: '', error: null, field: null });
    },
  );

  app.post(
    '/setup',
    { config, schema: { body: z.object({ code: field, name: field, email: field, password: field }) } },
    async (request, reply) => {
      const { code, name, email, password } = request.body;
      if (!(await n.administration.isFirstInvitationOpen(code))) return invalid(request.t, reply);
      const made = await n.administration.acceptFirstInvitation(
        code,
        { email, displayName: name, password, locale: request.locale },
        { actor: 'first administrator', origin: request.ip, requestId: request.id },
      );
      if (made.ok) return reply.page('setup-done', { nextPath: '/admin/start' });
      if (made.refusal.code === 'invitation_invalid') return invalid(request.t, reply);
      const error = refusalInWords(request.t, made.refusal, 'sign_in.throttled');
      return reply.page('setup', { action: '/setup', code, name, email, error, field: fieldOf(made.refusal) }, 422);
    },
  );
};

const fieldOf = ({ code }: Refusal): 'email' | 'password' => (code.startsWith('password') ? 'password' : 'email');

function invalid(t: import('../../i18n/translate.ts').Translate, reply: import('fastify').FastifyReply) {
  return reply.page(
    'message',
    { title: t('setup.invalid_title'), text: t('setup.invalid_text'), reference: null },
    410,
  );
}
