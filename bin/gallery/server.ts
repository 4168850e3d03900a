import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import type { Organisation } from '../../src/core/organisation.ts';
import { createBrand } from '../../src/http/brand.ts';
import { contentSecurityPolicy } from '../../src/http/csp.ts';
import type { Frame } from '../../src/http/frame.ts';
import type { PageName } from '../../src/http/pages.ts';
import { frameFor } from '../../src/http/plugins/page.ts';
import { createRender } from '../../src/http/views.ts';
import { LOCALES, type Locale, timeFormat, translator } from '../../src/i18n/translate.ts';
import { pageStates } from './states.ts';

const ROOT = join(import.meta.dirname, '../..');
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** One page in one state. */
export interface Shown {
  readonly page: PageName;
  readonly state: string;
  /** Below a language: `/nl/…`. */
  readonly path: string;
}

export interface Gallery {
  readonly url: string;
  readonly shown: readonly Shown[];
  close(): void;
}

/** In whose name pages are drawn. */
export type GalleryConfig = Organisation & {
  readonly publicUrl: string;
  /** The date on paper, `2026-11-27`. */
  readonly today: string;
};
const EXAMPLE: GalleryConfig = {
  name: 'Voorbeeldorganisatie',
  support: { name: 'Servicedesk', phone: '030 123 45 67', hours: '8.00 – 17.00' },
  logo: undefined,
  accent: undefined,
  publicUrl: 'https://login.example.org',
  today: '2026-11-27',
};

/** What of a page runs out, as a server says it. */
const timesOf = (page: PageName): Pick<Frame, 'limit' | 'idle'> => ({
  limit:
    page.startsWith('wizard-') && !['wizard-done', 'wizard-expired'].includes(page)
      ? { until: '9:10', action: '/a', path: '/mfa/setup' }
      : null,
  idle: page === 'console' || page.startsWith('account') ? { seconds: 900, path: '/s' } : null,
});

/**
 * Every page in every state, drawn from its template anew each time it is opened; forms lead nowhere.
 * @param port 0: whichever is free
 */
export async function serveGallery(port: number, config: Partial<GalleryConfig> = {}): Promise<Gallery> {
  const { publicUrl, today, ...organisation } = { ...EXAMPLE, ...config };
  const settings = { organisation, brand: createBrand(organisation) };
  const draw = async (locale: Locale, page: PageName, state: string): Promise<string | undefined> => {
    const t = translator(locale);
    const model = (await pageStates(t, publicUrl, timeFormat(locale, 'UTC').day(today)))[page]?.[state as never];
    const frame = frameFor(locale, settings, 'token', `/${locale}`, timesOf(page));
    return model && createRender(join(ROOT, 'views'), undefined)(page, model, t, frame);
  };
  // The companion draws itself: tests/browser looks at it with a server.
  const { companion: _, ...pages } = await pageStates(translator('en'));
  const shown = Object.entries(pages).flatMap(([page, states]) =>
    Object.keys(states).map((state) => ({
      page: page as PageName,
      state,
      path: `/${page}/${encodeURIComponent(state)}`,
    })),
  );
  const server = createServer(async (request, response) => {
    const send = (type: string, body: string | Buffer, status = 200): void => {
      // What the server itself sends with its pages, and a page of ours may hold them.
      const policy = contentSecurityPolicy().replace("frame-ancestors 'none'", "frame-ancestors 'self'");
      response.writeHead(status, { 'content-type': type, 'content-security-policy': policy }).end(body);
    };
    // A form leads nowhere: the page stays.
    if (request.method !== 'GET') {
      response.writeHead(204).end();
      return undefined;
    }
    const path = decodeURIComponent((request.url ?? '/').split('?')[0]!);
    const [, first = '', second = '', third = ''] = path.split('/');
    const part = [settings.brand.theme, settings.brand.logo].find((each) => each?.path.split('?')[0] === path);
    if (part) return send(part.type, part.body);
    // A page that goes on by itself stays too.
    if (third === 'submit.js') return send(TYPES['.js']!, '');
    if (first === 'assets' && /^[a-z]+$/.test(second) && /^[\w.-]+$/.test(third)) {
      try {
        return send(TYPES[extname(third)] ?? 'text/plain', readFileSync(join(ROOT, 'public', second, third)));
      } catch {
        return send('text/plain', 'none', 404);
      }
    }
    const picture = /^\/help\/pictures\/(nl|en)\/([a-z-]+\.png)$/.exec(path);
    if (picture) {
      const file = join(ROOT, 'public/guide', picture[1]!, picture[2]!);
      return existsSync(file) ? send('image/png', readFileSync(file)) : send('text/plain', 'none', 404);
    }
    const locale = LOCALES.find((each) => each === first);
    if (!locale) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(overview(shown));
      return undefined;
    }
    const page = await draw(locale, second as PageName, third);
    return page ? send('text/html; charset=utf-8', page) : send('text/plain', 'No such page.', 404);
  });
  await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
  const address = server.address();
  return {
    url: `http://localhost:${typeof address === 'object' && address ? address.port : port}`,
    shown,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const overview = (shown: readonly Shown[]): string => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Every page in every state</title>
<style>body{font:1rem/1.5 system-ui;margin:1rem}section{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}
iframe{inline-size:390px;block-size:640px;border:1px solid}h2{margin-block:2rem 0.5rem}</style></head><body>
<h1>Every page in every state</h1>
<p>${shown.length} states. At 390 pixels, in Dutch; each is also there in English. Dark mode, contrast and size of text follow your browser.</p>
${[...new Set(shown.map(({ page }) => page))]
  .map(
    (page) =>
      `<h2>${page}</h2><section>${shown
        .filter((each) => each.page === page)
        .map(
          ({
            state,
            path,
          }) => `<figure><figcaption>${LOCALES.map((locale) => `<a href="/${locale}${path}">${state} (${locale})</a>`).join(' ')}</figcaption>
<iframe loading="lazy" src="/nl${path}" title="${page}: ${state}"></iframe></figure>`,
        )
        .join('')}</section>`,
  )
  .join('\n')}</body></html>`;
