import Bowser from 'bowser';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Origin } from '../../core/audit.ts';
import { chooseLocale } from '../../i18n/choose.ts';
import { LOCALES, type Locale, timeFormat, translator } from '../../i18n/translate.ts';
import { rememberedCookieName } from '../remembered-cookie.ts';

export const LANGUAGE_COOKIE = 'lang';
const YEAR_SECONDS = 365 * 86_400;

/**
 * Who is asking, as far as a request tells: language, address, browser. All of it is found out when somebody looks, which
 * programs' requests seldom do. `?lang=` chooses a language and keeps it.
 */
export const person = fp(async (app: FastifyInstance, options: { isSecure: boolean; timeZone: string }) => {
  const rememberedCookie = rememberedCookieName(options.isSecure);
  app.decorateRequest('knownLocale', undefined);
  app.decorateRequest('useLocale', function (this: FastifyRequest, locale) {
    this.knownLocale = locale;
  });
  app.decorateRequest('locale', {
    getter() {
      this.knownLocale ??= localeOf(this);
      return this.knownLocale;
    },
  });
  app.decorateRequest('t', {
    getter() {
      return translator(this.locale);
    },
  });
  app.decorateRequest('times', {
    getter() {
      return timeFormat(this.locale, options.timeZone);
    },
  });
  app.decorateRequest('origin', {
    getter() {
      return new RequestOrigin(this, this.cookies[rememberedCookie]);
    },
  });
  app.addHook('onRequest', (request, reply, done) => {
    // Node keeps it from the first look on; once the connection is gone it tells no more.
    void request.raw.socket.remoteAddress;
    // Now: a route that reads its own query keeps nothing else of it.
    const { lang, ui_locales: asked } = request.query as { lang?: unknown; ui_locales?: unknown };
    if (typeof asked === 'string') request.knownLocale = localeOf(request, asked);
    const chosen = lang === undefined ? undefined : LOCALES.find((locale) => locale === lang);
    if (chosen) {
      request.knownLocale = chosen;
      reply.setCookie(LANGUAGE_COOKIE, chosen, {
        path: '/',
        httpOnly: true,
        sameSite: 'lax',
        secure: options.isSecure,
        maxAge: YEAR_SECONDS,
      });
    }
    done();
  });
});

const localeOf = (request: FastifyRequest, asked?: string): Locale =>
  chooseLocale(request.cookies[LANGUAGE_COOKIE], asked, request.headers['accept-language']);

class RequestOrigin implements Origin {
  readonly ip: string;
  readonly requestId: string;
  readonly rememberedToken: string | undefined;
  readonly #userAgent: string | undefined;
  constructor(request: FastifyRequest, rememberedToken: string | undefined) {
    this.ip = request.ip;
    this.requestId = request.id;
    this.rememberedToken = rememberedToken;
    this.#userAgent = request.headers['user-agent'];
  }
  // Few requests ask.
  get browser(): string {
    return browserName(this.#userAgent);
  }
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
