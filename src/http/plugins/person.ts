import Bowser from 'bowser';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { chooseLocale } from '../../i18n/choose.ts';
import { LOCALES, timeFormat, translator } from '../../i18n/translate.ts';

import { rememberedCookieName } from '../remembered-cookie.ts';

export const LANGUAGE_COOKIE = 'lang';
const YEAR_SECONDS = 365 * 86_400;

/** Who is asking, as far as a request tells: language, address, browser. `?lang=` chooses a language and keeps it. */
export const person = fp(async (app: FastifyInstance, options: { isSecure: boolean; timeZone: string }) => {
  app.decorateRequest('locale', 'nl');
  app.decorateRequest('t');
  app.decorateRequest('times');
  app.decorateRequest('useLocale');
  app.decorateRequest('origin');
  app.addHook('onRequest', (request, reply, done) => {
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
    request.locale =
      chosen ?? chooseLocale(request.cookies[LANGUAGE_COOKIE], asked, request.headers['accept-language']);
    speak(request, options.timeZone);
    request.useLocale = (locale) => {
      request.locale = locale;
      speak(request, options.timeZone);
    };
    request.origin = {
      ip: request.ip,
      // Few requests ask.
      get browser() {
        return browserName(request.headers['user-agent']);
      },
      requestId: request.id,
      rememberedToken: request.cookies[rememberedCookieName(options.isSecure)],
    };
    done();
  });
});

function speak(request: FastifyRequest, timeZone: string): void {
  request.t = translator(request.locale);
  request.times = timeFormat(request.locale, timeZone);
}

/** `Firefox, Windows`: the same in both languages; empty where the header tells nothing. */
export function browserName(userAgent: string | undefined): string {
  const { browser, os } = parsed(userAgent);
  return [browser, os].filter(Boolean).join(', ');
}

/** What to call a phone that does not say its model: `Android (Chrome)`. */
export function phoneName(userAgent: string | undefined): string {
  const { browser, os, model } = parsed(userAgent);
  return `${model ?? os ?? 'Smartphone'}${browser ? ` (${browser})` : ''}`;
}

function parsed(userAgent = ''): { browser: string | undefined; os: string | undefined; model: string | undefined } {
  if (!userAgent) return { browser: undefined, os: undefined, model: undefined };
  const { browser, os, platform } = Bowser.parse(userAgent.slice(0, 500));
  // Android's reduced user agent calls every model `K`.
  const model = platform.model && platform.model.length > 1 ? platform.model : undefined;
  return { browser: browser.name, os: os.name, model };
}
