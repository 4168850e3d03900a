import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Organisation } from '../../core/organisation.ts';
import { ENTRA_PATH, ENTRA_SECONDS, type Entra, type EntraAnswer, entraCookie } from '../../oidc/entra.ts';
import { contentSecurityPolicy } from '../csp.ts';

export interface EntraRoutesNeeds {
  readonly entra: Entra;
  readonly isSecure: boolean;
  readonly organisation: Organisation;
}

const text = z.string().max(16_000).optional();

/** The doors for Microsoft Entra: what it reads, where it sends people, and how they go back. */
export const entraRoutes: FastifyPluginAsyncZod<EntraRoutesNeeds> = async (app, n) => {
  const json = { public: true, kind: 'json' } as const;

  /** A form that sends itself; without script, by a button. */
  const sendBack = (reply: FastifyReply, { redirectUri, fields }: EntraAnswer): FastifyReply => {
    const { origin } = new URL(redirectUri);
    reply.header('content-security-policy', contentSecurityPolicy([origin]));
    return reply.page('form-post', { action: redirectUri, fields, to: new URL(redirectUri).hostname });
  };

  app.get(`${ENTRA_PATH}/.well-known/openid-configuration`, { config: json }, async () => n.entra.document);
  app.get(`${ENTRA_PATH}/keys`, { config: json }, async () => n.entra.keys());

  app.post(
    `${ENTRA_PATH}/auth`,
    {
      // Comes from Microsoft's page: no form token of ours, and what it says is checked by its signature.
      config: { public: true, csp: 'oidc' },
      schema: {
        body: z
          .object({
            client_id: text,
            redirect_uri: text,
            response_type: text,
            response_mode: text,
            scope: text,
            nonce: text,
            state: text,
            claims: text,
            id_token_hint: text,
            'client-request-id': text,
          })
          .nullish(),
      },
    },
    async (request: FastifyRequest, reply) => {
      const params = (request.body ?? {}) as Record<string, string | undefined>;
      const begun = await n.entra.begin(params, { ip: request.ip, requestId: request.id });
      if (begun.state === 'refused') return sendBack(reply, begun.answer);
      if (begun.state === 'unknown') {
        const { t } = request;
        request.log.warn(
          { client: params.client_id, redirectUri: params.redirect_uri },
          `Entra: unknown ${begun.what}`,
        );
        const words =
          begun.what === 'client'
            ? {
                title: t('error.app_unknown_title'),
                text: t('error.app_unknown_text', { organisation: n.organisation.name }),
              }
            : {
                title: t('error.app_redirect_title'),
                text: t('error.app_redirect_text', { client: params.client_id ?? '' }),
              };
        return reply.page('message', { ...words, reference: request.id }, 400);
      }
      const path = `/interaction/${begun.uid}`;
      reply.setCookie(entraCookie(n.isSecure), begun.token, {
        path,
        httpOnly: true,
        sameSite: 'lax',
        secure: n.isSecure,
        maxAge: ENTRA_SECONDS,
      });
      return reply.redirect(path, 303);
    },
  );

  app.get(
    '/interaction/:uid/answer',
    { config: { public: true }, schema: { params: z.object({ uid: z.string().max(100) }) } },
    async (request, reply) => {
      const answer = await n.entra.answer(request.raw, request.params.uid);
      return answer ? sendBack(reply, answer) : reply.page('expired', {}, 400);
    },
  );
};
