import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Organisation } from '../../core/organisation.ts';
import { IDLE_SECONDS } from '../../flow/console-visits.ts';
import { LOCALES, type Locale, nameOfLanguage } from '../../i18n/translate.ts';
import type { Brand } from '../brand.ts';
import type { Frame } from '../frame.ts';
import type { PageModels, PageName } from '../pages.ts';
import { PORTAL_IDLE_SECONDS } from '../portal-session.ts';
import type { Render } from '../views.ts';
import { MORE_TIME_PATH } from '../wizard-place.ts';

export interface FrameSettings {
  readonly organisation: Organisation;
  readonly accessibilityUrl?: string | undefined;
  readonly brand: Brand;
}

/** `reply.page(name, model)`: a page in its frame, in the person's language, with a form token. */
export const pages = fp(async (app: FastifyInstance, options: { render: Render } & FrameSettings) => {
  app.decorateReply('page', function <
    Name extends PageName,
  >(this: FastifyReply, name: Name, model: PageModels[Name], status = 200) {
    const { request } = this;
    const frame = frameFor(request.locale, options, this.generateCsrf(), pathToShow(request), timesOf(request));
    return this.code(status)
      .type('text/html; charset=utf-8')
      .send(options.render(name, model, request.t, frame));
  });
});

/** The address to draw this page again in another language; an answer to a form is drawn again from its page. */
function pathToShow(request: FastifyRequest): string {
  const { code } = (request.query ?? {}) as { code?: unknown };
  const [path = '/'] = request.url.split('?');
  if (request.method === 'GET') return typeof code === 'string' ? `${path}?code=${encodeURIComponent(code)}` : path;
  return path.startsWith('/interaction/') ? path.split('/').slice(0, 3).join('/') : path;
}

/** What of the page runs out, and how somebody gets more time (WCAG 2.2, 2.2.1). */
function timesOf(request: FastifyRequest): Pick<Frame, 'limit' | 'idle'> {
  const session = request.binding?.view.session;
  const isOpen = session?.state === 'open' || session?.state === 'bound';
  const [path = '/'] = request.url.split('?');
  return {
    limit: isOpen ? { until: request.times.time(session.expiresAt), action: MORE_TIME_PATH, path } : null,
    idle: request.console
      ? { seconds: IDLE_SECONDS, path: '/admin/stay' }
      : request.portal
        ? { seconds: PORTAL_IDLE_SECONDS, path: '/mfa/stay' }
        : null,
  };
}

export function frameFor(
  locale: Locale,
  settings: FrameSettings,
  csrf: string,
  path: string | undefined,
  times: Pick<Frame, 'limit' | 'idle'> = { limit: null, idle: null },
): Frame {
  return {
    locale,
    csrf,
    ...times,
    organisation: settings.organisation.name,
    support: settings.organisation.support ?? null,
    accessibilityUrl: settings.accessibilityUrl ?? null,
    logoPath: settings.brand.logo?.path ?? null,
    themePath: settings.brand.theme?.path ?? null,
    languages:
      path === undefined
        ? []
        : LOCALES.map((each) => ({
            locale: each,
            name: nameOfLanguage(each),
            path: `${path}${path.includes('?') ? '&' : '?'}lang=${each}`,
            isCurrent: each === locale,
          })),
  };
}
