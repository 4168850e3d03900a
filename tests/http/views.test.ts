import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { barChart, lineChart } from '../../src/http/console/charts.ts';
import type { PageModels } from '../../src/http/pages.ts';
import { frameFor } from '../../src/http/plugins/page.ts';
import { createRender } from '../../src/http/views.ts';
import { LOCALES, translator } from '../../src/i18n/translate.ts';

const VIEWS = join(import.meta.dirname, '../../views');
const render = createRender(VIEWS, undefined);
const HOSTILE = `<script>alert("x")</script>'&{organisation}`;
const waiting = { number: '42', spoken: '4 2', qrSvg: '<svg></svg>', until: '12:00', eventsPath: '/events' };

/** Every page in every state that its model allows. */
const STATES: { [Name in keyof PageModels]: PageModels[Name][] } = {
  home: [{ accountPath: '/mfa', companionPath: '/app' }],
  'sign-in': [
    {
      action: '/a',
      client: HOSTILE,
      isAgain: false,
      email: '',
      forgottenPath: '/f',
      passkeyAction: '/p',
      passkeyOptions: '{"a":"b"}',
      error: null,
      emailError: null,
      passwordError: null,
    },
    {
      action: '/a',
      client: 'App',
      isAgain: true,
      email: HOSTILE,
      forgottenPath: '/f',
      passkeyAction: '/p',
      passkeyOptions: HOSTILE,
      error: HOSTILE,
      emailError: HOSTILE,
      passwordError: HOSTILE,
    },
  ],
  'more-info': (['first', 'recovery_code', 'temporary_pass', 'key'] as const).map((reason) => ({
    action: '/a',
    cancelAction: '/c',
    laterAction: reason === 'first' ? '/l' : null,
    mayEnrol: reason !== 'first',
    client: HOSTILE,
    reason,
  })),
  approve: [
    {
      client: HOSTILE,
      waiting,
      message: null,
      canSendAgain: true,
      againAction: '/a',
      waysPath: '/w',
      cancelAction: '/c',
      herePath: '/h',
    },
    {
      client: 'App',
      waiting: null,
      message: HOSTILE,
      canSendAgain: true,
      againAction: '/a',
      waysPath: '/w',
      cancelAction: '/c',
      herePath: '/h',
    },
    {
      client: 'App',
      waiting: null,
      message: HOSTILE,
      canSendAgain: false,
      againAction: '/a',
      waysPath: '/w',
      cancelAction: '/c',
      herePath: '/h',
    },
  ],
  typed: (['totp', 'recovery_code', 'temporary_pass'] as const).flatMap((way) =>
    [HOSTILE, null].map((error) => ({
      way,
      client: HOSTILE,
      action: '/a',
      error,
      hasNoneLeft: error === null,
      laterAction: error === null ? '/l' : null,
      waysPath: '/w',
      cancelAction: '/c',
    })),
  ),
  key: [HOSTILE, null].map((error) => ({
    client: HOSTILE,
    action: '/a',
    options: HOSTILE,
    error,
    waysPath: '/w',
    cancelAction: '/c',
  })),
  ways: [
    {
      client: HOSTILE,
      ways: (['webauthn', 'push', 'store_app', 'totp', 'recovery_code', 'temporary_pass'] as const).map((way) => ({
        way,
        path: '/p',
      })),
      cancelAction: '/c',
    },
  ],
  ended: (['denied', 'reported', 'wrong_number', 'cancelled', 'revoked'] as const).map((reason) => ({
    reason,
    client: HOSTILE,
    backAction: '/b',
  })),
  expired: [{}],
  'wizard-app': [{ qrSvg: '<svg></svg>', url: HOSTILE, nextPath: '/n', samePath: '/s', choosePath: '/c' }],
  'wizard-choose': [{ appPath: '/a', codePath: '/c', keyPath: '/k', storeAppPath: '/s' }],
  'wizard-store-app': [
    { qrSvg: '<svg></svg>', address: HOSTILE, until: '12:00', eventsPath: '/e', herePath: '/h', choosePath: '/c' },
  ],
  'store-app': (['waiting', 'code', 'over'] as const).flatMap((state) =>
    [true, false].map((isTest) => ({
      state,
      isTest,
      client: isTest ? null : HOSTILE,
      until: '12:00',
      error: isTest ? null : HOSTILE,
      message: isTest ? HOSTILE : null,
      canSendAgain: isTest,
      eventsPath: '/e',
      herePath: '/h',
      codeAction: '/c',
      againAction: '/a',
      waysPath: isTest ? null : '/w',
      cancelAction: '/x',
    })),
  ),
  'wizard-code': [HOSTILE, null].map((error) => ({
    qrSvg: '<svg></svg>',
    address: HOSTILE,
    secret: HOSTILE,
    email: HOSTILE,
    action: '/a',
    error,
    choosePath: '/c',
  })),
  'wizard-key': [HOSTILE, null].map((error) => ({ options: HOSTILE, action: '/a', error, choosePath: '/c' })),
  'wizard-key-test': [HOSTILE, null].map((error) => ({
    label: HOSTILE,
    options: HOSTILE,
    action: '/a',
    error,
    againAction: '/g',
  })),
  'wizard-scan': [
    {
      offer: { qrSvg: '<svg></svg>', typed: 'ABCD', until: '12:00', samePath: '/s', eventsPath: '/e' },
      bound: null,
      herePath: '/h',
      backPath: '/b',
      testAction: '/t',
      againAction: '/a',
    },
    {
      offer: null,
      bound: { label: HOSTILE, email: 'a@example.org' },
      herePath: '/h',
      backPath: '/b',
      testAction: '/t',
      againAction: '/a',
    },
  ],
  'wizard-test': [
    { label: 'Phone', waiting, message: null, canSendAgain: true, herePath: '/h', testAction: '/t', againAction: '/a' },
    {
      label: HOSTILE,
      waiting: null,
      message: null,
      canSendAgain: true,
      herePath: '/h',
      testAction: '/t',
      againAction: '/a',
    },
    {
      label: 'Phone',
      waiting: null,
      message: HOSTILE,
      canSendAgain: false,
      herePath: '/h',
      testAction: '/t',
      againAction: '/a',
    },
  ],
  'wizard-done': [
    {
      kind: 'push',
      label: HOSTILE,
      codes: ['AAAA-BBBB'],
      codesFile: 'data:text/plain,x',
      continuePath: '/c',
      client: HOSTILE,
    },
    ...(['push', 'store_app', 'totp', 'webauthn'] as const).map((kind) => ({
      kind,
      label: HOSTILE,
      codes: null,
      codesFile: null,
      continuePath: '/c',
      client: null,
    })),
  ],
  'wizard-expired': [{ againPath: '/a' }],
  account: [
    {
      email: HOSTILE,
      said: { text: HOSTILE, isGood: true },
      codesReminder: HOSTILE,
      authenticators: [
        {
          kind: HOSTILE,
          label: HOSTILE,
          added: 'a',
          lastUsed: null,
          note: HOSTILE,
          links: [{ path: '/p', text: 't' }],
        },
        { kind: null, label: 'b', added: 'a', lastUsed: 'c', note: null, links: [] },
      ],
      addAction: '/a',
      languageAction: '/l',
      languages: [
        { locale: 'nl', name: 'Nederlands', isChosen: true },
        { locale: 'en', name: 'English', isChosen: false },
      ],
      signOutPath: '/s',
      consolePath: '/admin',
    },
    {
      email: 'a@example.org',
      said: { text: 'x', isGood: false },
      codesReminder: null,
      authenticators: [],
      addAction: '/a',
      languageAction: '/l',
      languages: [],
      signOutPath: '/s',
      consolePath: null,
    },
  ],
  'account-rename': [HOSTILE, null].map((error) => ({ label: HOSTILE, action: '/a', error, backPath: '/b' })),
  'account-remove': [true, false].map((isLast) => ({ label: HOSTILE, isLast, action: '/a', backPath: '/b' })),
  'account-codes': [
    { codes: ['AAAA-BBBB'], codesFile: 'data:text/plain,x', left: 10, action: '/a', backPath: '/b' },
    { codes: null, codesFile: null, left: 2, action: '/a', backPath: '/b' },
  ],
  'account-sessions': [
    {
      email: HOSTILE,
      said: HOSTILE,
      sessions: [true, false].map((isCurrent) => ({
        uid: 'u',
        isCurrent,
        browser: HOSTILE,
        where: HOSTILE,
        since: 'a',
        used: 'b',
        apps: isCurrent ? HOSTILE : '',
      })),
      remembered: [{ id: 'i', browser: HOSTILE, where: HOSTILE, until: HOSTILE }],
      forgetAction: '/f',
      endAction: '/e',
      endOthersAction: '/o',
    },
    {
      email: 'a',
      said: null,
      sessions: [],
      remembered: [],
      forgetAction: '/f',
      endAction: '/e',
      endOthersAction: '/o',
    },
  ],
  'account-history': [
    {
      email: HOSTILE,
      events: [
        { text: HOSTILE, time: 'a', where: HOSTILE, isBad: true, reportPath: '/r' },
        { text: 'b', time: 'a', where: null, isBad: false, reportPath: null },
      ],
      olderPath: '/o',
    },
    { email: 'a', events: [], olderPath: null },
  ],
  busy: [{ title: HOSTILE, text: HOSTILE, reference: 'abc', againPath: '/interaction/x' }],
  'account-password': [
    { email: HOSTILE, said: HOSTILE, error: null, action: '/a' },
    { email: 'a', said: null, error: HOSTILE, action: '/a' },
    { email: HOSTILE, said: null, error: null, action: null },
  ],
  setup: [
    { action: '/s', code: HOSTILE, name: HOSTILE, email: HOSTILE, error: HOSTILE, field: 'email' },
    { action: '/s', code: 'x', name: '', email: '', error: null, field: null },
    { action: '/s', code: 'x', name: '', email: '', error: 'x', field: 'password' },
  ],
  'password-forgotten': [HOSTILE, null].map((error) => ({ action: '/a', email: HOSTILE, error })),
  'password-link': (['first_password', 'password_reset'] as const).map((purpose) => ({
    purpose,
    email: HOSTILE,
    action: '/a',
    code: HOSTILE,
  })),
  'new-password': [
    { email: HOSTILE, action: '/a', error: HOSTILE, cancelAction: '/c' },
    { email: HOSTILE, action: '/a', error: null, cancelAction: '/c' },
  ],
  'not-me': [HOSTILE, null].map((about) => ({ about, action: '/a', code: HOSTILE, backPath: '/b' })),
  console: [
    {
      title: HOSTILE,
      email: HOSTILE,
      nav: [
        { path: '/admin', text: HOSTILE, isHere: true, count: 2 },
        { path: '/x', text: 'x', isHere: false, count: 0 },
      ],
      back: { path: '/b', text: HOSTILE },
      waiting: { eventsPath: '/e', herePath: '/h' },
      blocks: [
        { type: 'heading', text: HOSTILE },
        { type: 'text', text: HOSTILE, isHint: true },
        { type: 'notice', tone: 'bad', text: HOSTILE, items: [HOSTILE] },
        { type: 'facts', items: [{ label: HOSTILE, value: HOSTILE }] },
        { type: 'secret', label: HOSTILE, value: HOSTILE, hint: HOSTILE },
        { type: 'number', label: HOSTILE, value: '42', spoken: '4 2', hint: HOSTILE },
        { type: 'links', items: [{ path: '/l', text: HOSTILE, tone: 'danger' }] },
        { type: 'pre', label: HOSTILE, text: HOSTILE },
        { type: 'chart', caption: HOSTILE, svg: barChart(HOSTILE, [{ label: HOSTILE, value: 1, of: 2 }]) },
        { type: 'chart', caption: HOSTILE, svg: lineChart(HOSTILE, [{ x: 0, y: 1 }], { from: HOSTILE, to: HOSTILE }) },
        {
          type: 'table',
          caption: HOSTILE,
          columns: [HOSTILE],
          empty: '',
          nextPath: '/n',
          rows: [
            [{ text: HOSTILE, path: '/p', hint: HOSTILE }],
            [{ text: HOSTILE, tone: 'bad' }],
            [{ text: '', post: { action: '/a', text: HOSTILE, label: HOSTILE } }],
          ],
        },
        { type: 'table', caption: 'x', columns: ['x'], empty: HOSTILE, rows: [] },
        {
          type: 'form',
          action: '/f',
          hidden: { a: HOSTILE },
          submit: HOSTILE,
          mistakes: [{ text: HOSTILE, field: 'ntext' }, { text: HOSTILE }],
          cancel: { path: '/c', text: HOSTILE },
          fields: (['text', 'textarea', 'select', 'radio', 'checkboxes', 'checkbox', 'file'] as const).map((kind) => ({
            kind,
            suggestions: [HOSTILE],
            name: `n${kind}`,
            label: HOSTILE,
            hint: HOSTILE,
            value: HOSTILE,
            options: [{ value: HOSTILE, text: HOSTILE }],
          })),
        },
      ],
    },
    { title: 'x', email: 'a', nav: [], back: null, waiting: null, blocks: [] },
  ],
  'api-reference': [
    {
      title: HOSTILE,
      intro: HOSTILE,
      documentPath: '/d',
      groups: [
        {
          name: HOSTILE,
          operations: [
            {
              id: 'a',
              method: 'GET',
              path: HOSTILE,
              summary: HOSTILE,
              description: HOSTILE,
              scope: 'x',
              parameters: [{ name: HOSTILE, where: 'query', type: HOSTILE, isRequired: true, text: HOSTILE }],
              body: HOSTILE,
              example: HOSTILE,
              answers: [{ status: '200', text: HOSTILE, schema: HOSTILE }],
            },
            {
              id: 'b',
              method: 'GET',
              path: '/',
              summary: 'x',
              description: null,
              scope: 'x',
              parameters: [],
              body: null,
              example: 'curl',
              answers: [{ status: '204', text: 'x', schema: null }],
            },
          ],
        },
      ],
    },
  ],
  undo: [{ action: '/u', code: HOSTILE }],
  denied: (['sign_in', 'enrolment'] as const).map((what) => ({ what, client: HOSTILE, backAction: '/b' })),
  remember: [1, 12].map((hours) => ({ action: '/a', hours, client: HOSTILE })),
  'setup-done': [{ nextPath: '/n' }],
  message: [
    { title: HOSTILE, text: HOSTILE, reference: HOSTILE },
    { title: 't', text: 'x', reference: null },
  ],
  'form-post': [{ action: '/a', fields: { id_token: HOSTILE }, to: HOSTILE }],
  'device-code': [
    { action: '/oidc/device', xsrf: HOSTILE, code: '', error: null },
    { action: '/oidc/device', xsrf: 'a', code: HOSTILE, error: HOSTILE },
  ],
  'device-confirm': [null, HOSTILE].map((device) => ({
    action: '/oidc/device',
    xsrf: HOSTILE,
    userCode: HOSTILE,
    code: HOSTILE,
    client: HOSTILE,
    ip: HOSTILE,
    device,
  })),
  'sign-out': [{ form: '<form id="f"></form>', formId: 'f', stayPath: '/' }],
  companion: [{ noscript: HOSTILE, loading: HOSTILE }],
};

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
        for (const state of states) {
          const frame = frameFor(locale, { organisation: HOSTILE, support: HOSTILE }, 'token', '/here');
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
    const frame = frameFor('nl', { organisation: 'IPO', support: undefined }, '', undefined);
    expect(own('expired', {}, translator('nl'), frame)).toContain('Eigen tekst van de organisatie');
    expect(own('home', STATES.home[0]!, translator('nl'), frame)).toContain('Veilig aanmelden bij IPO');
  });
});
