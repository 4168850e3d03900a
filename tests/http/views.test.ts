import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageStates } from '../../bin/gallery/states.ts';
import type { Support } from '../../src/core/branding.ts';
import type { Organisation } from '../../src/core/organisation.ts';
import type { PageModels } from '../../src/http/pages.ts';
import { frameFor } from '../../src/http/plugins/page.ts';
import { createRender } from '../../src/http/views.ts';
import { LOCALES, translator } from '../../src/i18n/translate.ts';

const VIEWS = join(import.meta.dirname, '../../views');
const render = createRender(VIEWS, undefined);
const HOSTILE = `<script>alert("x")</script>'&{organisation}`;
/** Every page in every state, as the gallery shows them. */
const STATES = await pageStates(translator('en'));

/** What a template decides by, and what is markup of our own. */
const NOT_TEXT =
  /^(pictures|phones|troubles|way|kind|reason|type|tone|state|purpose|field|what|locale|svg|qrSvg|form|formId|method|status|where|number|spoken)$/;
/** The same with a script in every text, each of which anybody may have typed. */
const hostile = (value: unknown, key = ''): unknown =>
  typeof value === 'string'
    ? value === '' || NOT_TEXT.test(key)
      ? value
      : HOSTILE
    : Array.isArray(value)
      ? value.map((each) => hostile(each, key))
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value).map(([name, each]) => [
              name,
              // The name of a form's field is ours, and so is the key of a step's sentence.
              (name === 'name' && 'kind' in value) || (name === 'text' && 'pictures' in value)
                ? each
                : hostile(each, name),
            ]),
          )
        : value;

/** A model that throws on a field it does not have. A block of the console may leave fields out: its type says which. */
function strict<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      if (key === 'blocks') return Reflect.get(target, key);
      if (typeof key === 'symbol' || key in target || key === 'toJSON') return strict(Reflect.get(target, key));
      throw new Error(`the model has no field “${key}”`);
    },
  });
}

const organisation = (name: string, support?: Support): Organisation => ({
  name,
  support,
  logo: undefined,
  accent: undefined,
});

describe('every page', () => {
  it('is listed here', () => {
    const templates = readdirSync(VIEWS)
      .map((file) => file.replace('.eta', ''))
      .filter(
        (name) =>
          ![
            'layout',
            'number',
            'progress',
            'help',
            'icon',
            'guide-steps',
            'key-form',
            'reveal',
            'mail',
            'account-nav',
            'codes',
            'console-block',
            'console-field',
          ].includes(name),
      );
    expect(Object.keys(STATES).sort()).toEqual(templates.sort());
  });

  for (const locale of LOCALES) {
    for (const [name, states] of Object.entries(STATES)) {
      it(`${name} is drawn in ${locale}, in every state, with everything escaped`, () => {
        for (const state of Object.values(states).flatMap((model) => [model, hostile(model)])) {
          const support = { name: HOSTILE, phone: HOSTILE, hours: HOSTILE };
          const settings = {
            organisation: organisation(HOSTILE, support),
            brand: { logo: undefined, theme: undefined },
          };
          const frame = frameFor(locale, settings, 'token', '/here', {
            limit: name.startsWith('wizard') ? { until: HOSTILE, action: '/a', path: HOSTILE } : null,
            idle: { seconds: 900, path: '/stay' },
          });
          const html = render(name as keyof PageModels, strict(state) as never, translator(locale), frame);
          expect(html).toContain(`<html lang="${locale}">`);
          expect(html).not.toContain('<script>alert');
          expect(html).not.toMatch(/\{(?!organisation\})\w+\}/);
          expect(html).not.toMatch(/\bundefined\b|\[object |>null</);
          // The Content-Security-Policy allows neither.
          expect(html).not.toMatch(/ style="| on\w+="|<style/);
          expect(html.match(/<h1/g)?.length ?? 0).toBe(name === 'companion' ? 0 : 1);
          // The library's own pages carry the library's own protection.
          const csrf =
            name === 'form-post'
              ? 'name="id_token"'
              : name.startsWith('device-')
                ? 'name="xsrf" value="'
                : 'name="_csrf" value="token"';
          for (const form of html.match(/<form method="post"[\s\S]*?<\/form>/g) ?? []) expect(form).toContain(csrf);
          for (const [, id] of html.matchAll(/aria-describedby="([^" ]+)/g)) expect(html).toContain(`id="${id}"`);
        }
      });
    }
  }

  it('may be replaced by an operator’s own, one by one', () => {
    const own = createRender(VIEWS, join(import.meta.dirname, '../fixtures/views'));
    const frame = frameFor(
      'nl',
      { organisation: organisation('IPO'), brand: { logo: undefined, theme: undefined } },
      '',
      undefined,
    );
    expect(own('expired', {}, translator('nl'), frame)).toContain('Eigen tekst van de organisatie');
    expect(own('home', STATES.home.usual!, translator('nl'), frame)).toContain('Veilig aanmelden bij IPO');
  });
});
