import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { FALLBACK_LOCALE, LOCALES, type Locale } from '../../core/locales.ts';
import {
  DAILY_STEPS,
  GUIDE_PAGES,
  GUIDE_PHONES,
  GUIDE_SCREENS,
  type GuidePhone,
  setUpSteps,
  TROUBLES,
} from '../guide.ts';
import type { PageModels } from '../pages.ts';

export interface GuideNeeds {
  readonly publicDir: string;
  readonly publicUrl: string;
  readonly version: string;
  readonly clock: Clock;
}

const PICTURES: readonly string[] = [...Object.keys(GUIDE_PAGES), ...GUIDE_SCREENS];

/** The guide for people who sign in, on paper too. It tells nothing that a stranger may not know. */
export const guideRoutes: FastifyPluginAsyncZod<GuideNeeds> = async (app, n) => {
  const config = { public: true } as const;
  const address = `${n.publicUrl}/mfa`;
  const show = (request: FastifyRequest, phones: readonly GuidePhone[], isBook = false): PageModels['guide'] => ({
    phones,
    steps: { iphone: setUpSteps('iphone'), android: setUpSteps('android'), daily: DAILY_STEPS },
    troubles: TROUBLES,
    isBook,
    address,
    appAddress: `${n.publicUrl}/app`,
    version: n.version,
    date: request.times.day(n.clock.now().toISOString().slice(0, 10)),
  });
  app.get('/help', { config }, async (request, reply) => reply.page('guide', show(request, [])));
  for (const phone of GUIDE_PHONES)
    app.get(`/help/${phone}`, { config }, async (request, reply) => reply.page('guide', show(request, [phone])));
  app.get('/help/book', { config }, async (request, reply) => reply.page('guide', show(request, GUIDE_PHONES, true)));
  app.get('/help/card', { config }, async (_request, reply) => reply.page('guide-card', { address }));
  app.get(
    '/help/pictures/:locale/:picture.png',
    { config, schema: { params: z.object({ locale: z.enum(LOCALES), picture: z.enum(PICTURES) }) } },
    async ({ params: { locale, picture } }, reply) =>
      reply
        .header('cache-control', 'public, max-age=3600')
        .sendFile(`${picture}.png`, join(n.publicDir, 'guide', withPictures(n.publicDir, locale))),
  );
};

/** A language whose pictures nobody has made yet shows the English ones. */
const withPictures = (publicDir: string, locale: Locale): Locale =>
  existsSync(join(publicDir, 'guide', locale)) ? locale : FALLBACK_LOCALE;
