import Bowser from 'bowser';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { chooseLocale } from '../../i18n/choose.ts';
import { LOCALES, translator } from '../../i18n/translate.ts';

export const LANGUAGE_COOKIE = 'lang';
const YEAR_SECONDS = 365 * 86_400;

/** Who is asking, as far as a request tells: language, address, browser. `?lang=` chooses a language and keeps it. */
export const person = fp(async (app: FastifyInstance, options: { isSecure: boolean }) => {
  app.decorateRequest('locale', 'nl');
  app.decorateRequest('t');
  app.decorateRequest('origin');
  app.addHook('onRequest', async (request, reply) => {
    const query = request.query as { lang?: unknown; ui_locales?: unknown };
    const chosen = LOCALES.find((locale) => locale === query.lang);
    if (chosen) {
      reply.setCookie(LANGUAGE_COOKIE, chosen, {
        path: '/',
        httpOnly: true,
        sameSite: 'lax',
        secure: options.isSecure,
        maxAge: YEAR_SECONDS,
      });
    }
    const asked = typeof query.ui_locales === 'string' ? query.ui_locales : undefined;
    request.locale = chosen ?? chooseLocale(request.cookies[LANGUAGE_COOKIE], asked, request.headers['accept-language']);
    request.t = translator(request.locale);
    request.origin = { ip: request.ip, browser: browserName(request.headers['user-agent']), requestId: request.id };
  });
});

/** `Firefox on Windows`, in words that are the same in both languages; empty where the header tells nothing. */
export function browserName(userAgent: string | undefined): string {
  if (!userAgent) return '';
  const { browser, os } = Bowser.parse(userAgent.slice(0, 500));
  return [browser.name, os.name].filter(Boolean).join(', ');
}
