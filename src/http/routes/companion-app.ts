import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { OUR_ACCENT } from '../../core/branding.ts';
import { NO_NAME, type Organisation } from '../../core/organisation.ts';
import { LOCALES, messagesUnder } from '../../i18n/translate.ts';
import { THEME_PATH } from '../brand.ts';

export interface CompanionAppNeeds {
  readonly publicDir: string;
  readonly organisation: Organisation;
}

/**
 * The companion app's own files: a page, a manifest, a service worker, sentences. They hold nothing personal, so
 * they may be kept by the browser, and are asked for again each time (the worker keeps them for when there is no network).
 */
export const companionAppRoutes: FastifyPluginAsyncZod<CompanionAppNeeds> = async (app, n) => {
  const config = { public: true } as const;
  const folder = join(n.publicDir, 'companion');
  const decoder = dirname(createRequire(import.meta.url).resolve('qr/decode.js'));
  const files = readdirSync(folder).filter((file) => file.endsWith('.js') && file !== 'worker.js');

  const themeColour = (): string => n.organisation.accent ?? OUR_ACCENT;

  app.get('/app', { config }, async (request, reply) =>
    reply.page('companion', {
      noscript: request.t('companion.noscript'),
      loading: request.t('companion.loading'),
      themeColour: themeColour(),
    }),
  );

  app.get('/app/manifest.webmanifest', { config }, async (request, reply) => {
    const name = [NO_NAME, ...(n.organisation.name === NO_NAME ? [] : [n.organisation.name])].join(' ');
    return reply
      .type('application/manifest+json')
      .header('cache-control', 'no-cache')
      .send({
        id: '/app',
        name,
        short_name: 'Dubbelslot',
        lang: request.locale,
        start_url: '/app',
        scope: '/app',
        display: 'standalone',
        background_color: '#f4f6fb',
        theme_color: themeColour(),
        icons: [
          { src: '/assets/icons/icon-192.png', sizes: '192x192', type: 'image/png', purpose: 'any' },
          { src: '/assets/icons/icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'any' },
          { src: '/assets/icons/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      });
  });

  app.get(
    '/app/messages/:locale',
    { config, schema: { params: z.object({ locale: z.enum(LOCALES) }) } },
    async (request, reply) => {
      const messages = messagesUnder('companion.', request.params.locale);
      return reply.header('cache-control', 'no-cache').send({ ...messages, organisation: n.organisation.name });
    },
  );

  // Below /app, so that its scope is the app; the version makes browsers take a new one when a file changed.
  const worker = readFileSync(join(folder, 'worker.js'), 'utf8');
  const version = createHash('sha256')
    .update([worker, ...files.map((file) => readFileSync(join(folder, file)))].join())
    .digest('hex')
    .slice(0, 12);
  const keep = JSON.stringify([
    ...files.map((file) => `/app/js/${file}`),
    ...LOCALES.map((locale) => `/app/messages/${locale}`),
    '/app/vendor/decode.js',
    '/app/vendor/index.js',
    '/assets/css/base.css',
    '/assets/css/companion.css',
    THEME_PATH,
    '/assets/icons/icon-192.png',
    '/assets/icons/badge-96.png',
  ]);
  const script = worker.replace("'__VERSION__'", `'${version}'`).replace("'__KEEP__'", keep);
  app.get('/app/worker.js', { config }, async (_request, reply) =>
    reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'no-cache')
      .header('service-worker-allowed', '/app')
      .send(script),
  );

  app.get(
    '/app/vendor/:file',
    { config, schema: { params: z.object({ file: z.enum(['decode.js', 'index.js']) }) } },
    async (request, reply) => reply.header('cache-control', 'no-cache').sendFile(request.params.file, decoder),
  );

  app.get(
    '/app/js/:file',
    { config, schema: { params: z.object({ file: z.string().max(100) }) } },
    async (request, reply) => reply.header('cache-control', 'no-cache').sendFile(request.params.file, folder),
  );
};
