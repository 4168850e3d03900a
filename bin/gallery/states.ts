import packageJson from '../../package.json' with { type: 'json' };
import { barChart, lineChart } from '../../src/http/console/charts.ts';
import { DAILY_STEPS, setUpSteps, TROUBLES } from '../../src/http/guide.ts';
import type { PageModels } from '../../src/http/pages.ts';
import { qrSvg } from '../../src/http/qr.ts';
import type { Translate } from '../../src/i18n/translate.ts';

/** Every page in every state that its model allows, each by a name, with what people would read there. */
export type PageStates = { readonly [Name in keyof PageModels]: Readonly<Record<string, PageModels[Name]>> };

const APP = 'Zaaksysteem';
const EMAIL = 'medewerker@example.org';
const PHONE = 'Pixel 9';
const CODES = ['7Q2K-WX4M-90AB-TC5N', '3HZE-81RD-PVK6-YS2J', 'M4GT-5F0W-QB7X-N8CA', 'D9KP-2VJR-6ETH-1ZSM'];
/** What no page here asks for again. */
const OPTIONS = '{"challenge":"AAAA"}';

/** @param t of the language in which mistakes and messages are said @param today as people write it */
export async function pageStates(
  t: Translate,
  publicUrl = 'https://login.example.org',
  today = '27 november 2026',
): Promise<PageStates> {
  const qr = await qrSvg(`${publicUrl}/app#q=7Q2KWX4M90ABTC5N3HZE81RDPV`);
  const waiting = { number: '42', spoken: '4 2', qrSvg: qr, until: '9:02', eventsPath: '/e' };
  const approve = {
    client: APP,
    canSendAgain: true,
    againAction: '/a',
    waysPath: '/w',
    cancelAction: '/c',
    herePath: '/h',
  };
  const signIn = {
    action: '/a',
    client: APP,
    isAgain: false,
    email: '',
    forgottenPath: '/f',
    passkeyAction: '/p',
    passkeyOptions: OPTIONS,
    error: null,
    emailError: null,
    passwordError: null,
  };
  const typed = {
    client: APP,
    action: '/a',
    error: null,
    hasNoneLeft: false,
    laterAction: null,
    waysPath: '/w',
    cancelAction: '/c',
  };
  const moreInfo = { action: '/a', cancelAction: '/c', laterAction: null, mayEnrol: true, client: APP };
  const storeApp = {
    isTest: false,
    client: APP,
    until: '9:02',
    error: null,
    message: null,
    canSendAgain: true,
    eventsPath: '/e',
    herePath: '/h',
    codeAction: '/c',
    againAction: '/a',
    waysPath: '/w',
    cancelAction: '/x',
  };
  const scan = { herePath: '/h', backPath: '/b', testAction: '/t', againAction: '/a' };
  const test = { label: PHONE, message: null, canSendAgain: true, herePath: '/h', testAction: '/t', againAction: '/a' };
  const done = { label: PHONE, codes: null, codesFile: null, continuePath: '/c', client: APP };
  const sessions = {
    email: EMAIL,
    said: null,
    remembered: [],
    forgetAction: '/f',
    endAction: '/e',
    endOthersAction: '/o',
  };
  const deviceConfirm = {
    action: '/oidc/device',
    xsrf: 'x',
    userCode: 'BCDF-GHJK',
    code: 'BCDFGHJK',
    client: 'Vergaderscherm',
    ip: '192.0.2.7',
  };
  const languages = [
    { locale: 'nl', name: 'Nederlands', isChosen: true },
    { locale: 'en', name: 'English', isChosen: false },
  ];
  const guide = {
    steps: { iphone: setUpSteps('iphone'), android: setUpSteps('android'), daily: DAILY_STEPS },
    troubles: TROUBLES,
    isBook: false,
    address: `${publicUrl}/mfa`,
    appAddress: `${publicUrl}/app`,
    version: packageJson.version,
    date: today,
  };
  const wrongCode = t('code.wrong');

  return {
    home: { usual: { accountPath: '/mfa', companionPath: '/app' } },
    'sign-in': {
      empty: signIn,
      wrong: { ...signIn, email: EMAIL, error: t('sign_in.wrong_credentials') },
      'fields missing': {
        ...signIn,
        emailError: t('sign_in.email_missing'),
        passwordError: t('sign_in.password_missing'),
      },
      again: { ...signIn, isAgain: true, email: EMAIL },
    },
    'more-info': {
      first: { ...moreInfo, reason: 'first' },
      'may wait': { ...moreInfo, reason: 'first', laterAction: '/l' },
      'after a recovery code': { ...moreInfo, reason: 'recovery_code' },
      'after a pass': { ...moreInfo, reason: 'temporary_pass' },
      'a key is asked': { ...moreInfo, reason: 'key' },
      'not here': { ...moreInfo, reason: 'first', mayEnrol: false },
    },
    approve: {
      waiting: { ...approve, waiting, message: null },
      'six digits': { ...approve, waiting: { ...waiting, number: '402913', spoken: '4 0 2 9 1 3' }, message: null },
      expired: { ...approve, waiting: null, message: t('approve.expired') },
      exhausted: { ...approve, waiting: null, message: t('approve.exhausted'), canSendAgain: false },
    },
    typed: {
      code: { ...typed, way: 'totp' },
      'wrong code': { ...typed, way: 'totp', error: wrongCode },
      'recovery code': { ...typed, way: 'recovery_code' },
      'wrong recovery code': { ...typed, way: 'recovery_code', error: t('recover.wrong') },
      'nothing else left': { ...typed, way: 'recovery_code', hasNoneLeft: true, laterAction: '/l' },
      pass: { ...typed, way: 'temporary_pass' },
    },
    key: {
      asked: { client: APP, action: '/a', options: OPTIONS, error: null, waysPath: '/w', cancelAction: '/c' },
      refused: {
        client: APP,
        action: '/a',
        options: OPTIONS,
        error: t('key.invalid'),
        waysPath: '/w',
        cancelAction: '/c',
      },
    },
    ways: {
      all: {
        client: APP,
        ways: (['webauthn', 'push', 'store_app', 'totp', 'recovery_code', 'temporary_pass'] as const).map((way) => ({
          way,
          path: '/p',
        })),
        cancelAction: '/c',
      },
    },
    ended: {
      denied: { reason: 'denied', client: APP, backAction: '/b' },
      reported: { reason: 'reported', client: APP, backAction: '/b' },
      'wrong number': { reason: 'wrong_number', client: APP, backAction: '/b' },
      cancelled: { reason: 'cancelled', client: APP, backAction: '/b' },
      revoked: { reason: 'revoked', client: APP, backAction: '/b' },
    },
    expired: { usual: {} },
    'wizard-app': {
      usual: {
        qrSvg: qr,
        url: `${publicUrl}/app`,
        nextPath: '/n',
        samePath: '/s',
        choosePath: '/c',
      },
    },
    'wizard-choose': { usual: { appPath: '/a', codePath: '/c', keyPath: '/k', storeAppPath: '/s' } },
    'wizard-store-app': {
      usual: {
        qrSvg: qr,
        address: 'otpauth://pipush/…',
        eventsPath: '/e',
        herePath: '/h',
        choosePath: '/c',
      },
    },
    'store-app': {
      waiting: { ...storeApp, state: 'waiting' },
      code: { ...storeApp, state: 'code' },
      'wrong code': { ...storeApp, state: 'code', error: t('store_app.code_wrong', { left: 2 }) },
      over: { ...storeApp, state: 'over', message: t('store_app.expired') },
      test: { ...storeApp, state: 'waiting', isTest: true, client: null, waysPath: null },
    },
    'wizard-code': {
      usual: {
        qrSvg: qr,
        address: 'otpauth://totp/…',
        secret: 'JBSW Y3DP EHPK 3PXP',
        email: EMAIL,
        action: '/a',
        error: null,
        choosePath: '/c',
      },
      wrong: {
        qrSvg: qr,
        address: 'otpauth://totp/…',
        secret: 'JBSW Y3DP EHPK 3PXP',
        email: EMAIL,
        action: '/a',
        error: wrongCode,
        choosePath: '/c',
      },
    },
    'wizard-key': {
      usual: { options: OPTIONS, action: '/a', error: null, choosePath: '/c' },
      refused: { options: OPTIONS, action: '/a', error: t('key.invalid'), choosePath: '/c' },
    },
    'wizard-key-test': {
      usual: { label: 'YubiKey 5', options: OPTIONS, action: '/a', error: null, againAction: '/g' },
      refused: { label: 'YubiKey 5', options: OPTIONS, action: '/a', error: t('key.invalid'), againAction: '/g' },
    },
    'wizard-scan': {
      'to scan': {
        ...scan,
        offer: { qrSvg: qr, typed: '7Q2K-WX4M-90AB-TC5N', samePath: '/s', eventsPath: '/e' },
        bound: null,
      },
      scanned: { ...scan, offer: null, bound: { label: PHONE, email: EMAIL } },
    },
    'wizard-test': {
      waiting: { ...test, waiting },
      ready: { ...test, waiting: null },
      exhausted: { ...test, waiting: null, message: t('approve.exhausted'), canSendAgain: false },
    },
    'wizard-done': {
      'with recovery codes': { ...done, kind: 'push', codes: CODES, codesFile: 'data:text/plain,x' },
      phone: { ...done, kind: 'push' },
      'store app': { ...done, kind: 'store_app' },
      'code app': { ...done, kind: 'totp' },
      key: { ...done, kind: 'webauthn', client: null },
    },
    'wizard-expired': { usual: { againPath: '/a' } },
    account: {
      usual: {
        email: EMAIL,
        said: { text: t('account.codes_few', { count: 2 }), isGood: false },
        codesReminder: t('account.codes_few', { count: 2 }),
        authenticators: [
          {
            kind: t('account.kind_push'),
            label: PHONE,
            added: '12 maart 2026',
            lastUsed: '27 november 2026 8:58',
            note: null,
            links: [
              { path: '/r', text: t('account.rename_title') },
              { path: '/d', text: t('account.remove_title') },
            ],
          },
          {
            kind: null,
            label: t('account.kind_password'),
            added: '1 maart 2026',
            lastUsed: null,
            note: null,
            links: [],
          },
        ],
        addAction: '/a',
        languageAction: '/l',
        languages,
        signOutPath: '/s',
        consolePath: '/admin',
      },
      'nothing yet': {
        email: EMAIL,
        said: null,
        codesReminder: null,
        authenticators: [],
        addAction: '/a',
        languageAction: '/l',
        languages,
        signOutPath: '/s',
        consolePath: null,
      },
    },
    'account-rename': {
      usual: { label: PHONE, action: '/a', error: null, backPath: '/b' },
      mistake: { label: '', action: '/a', error: t('account.label_missing'), backPath: '/b' },
    },
    'account-remove': {
      usual: { label: PHONE, isLast: false, action: '/a', backPath: '/b' },
      'the last one': { label: PHONE, isLast: true, action: '/a', backPath: '/b' },
    },
    'account-codes': {
      'to make': { codes: null, codesFile: null, left: 2, action: '/a', backPath: '/b' },
      made: { codes: CODES, codesFile: 'data:text/plain,x', left: 10, action: '/a', backPath: '/b' },
    },
    'account-sessions': {
      usual: {
        ...sessions,
        sessions: [true, false].map((isCurrent) => ({
          uid: 'u',
          isCurrent,
          browser: isCurrent ? 'Firefox, Windows' : 'Safari, iPhone',
          where: '192.0.2.7 · Den Haag',
          since: '27 november 2026 8:58',
          used: '9:01',
          apps: isCurrent ? APP : '',
        })),
        remembered: [{ id: 'i', browser: 'Firefox, Windows', where: '192.0.2.7', until: '28 november 2026' }],
      },
      none: { ...sessions, sessions: [] },
    },
    'account-history': {
      usual: {
        email: EMAIL,
        events: [
          {
            text: t('history.signed_in', { client: APP }),
            time: '8:58',
            where: '192.0.2.7 · Den Haag',
            isBad: false,
            reportPath: '/r',
          },
          { text: t('history.password_wrong'), time: '8:57', where: '198.51.100.4', isBad: true, reportPath: '/r' },
        ],
        olderPath: '/o',
      },
      none: { email: EMAIL, events: [], olderPath: null },
    },
    busy: {
      usual: {
        title: t('error.busy_title'),
        text: t('error.busy_text'),
        reference: 'Xy7_pQ2m',
        againPath: '/interaction/x',
      },
    },
    'account-password': {
      usual: { email: EMAIL, said: null, error: null, action: '/a' },
      mistake: { email: EMAIL, said: null, error: t('setup.password_weak'), action: '/a' },
      'kept elsewhere': { email: EMAIL, said: null, error: null, action: null },
    },
    setup: {
      empty: { action: '/s', code: 'x', name: '', email: '', error: null, field: null },
      mistake: { action: '/s', code: 'x', name: 'X', email: 'x', error: t('setup.email_invalid'), field: 'email' },
      'weak password': {
        action: '/s',
        code: 'x',
        name: 'X',
        email: EMAIL,
        error: t('setup.password_weak'),
        field: 'password',
      },
    },
    'setup-done': { usual: { nextPath: '/n' } },
    'password-forgotten': {
      usual: { action: '/a', email: '', error: null },
      mistake: { action: '/a', email: 'x', error: t('setup.email_invalid') },
    },
    'password-link': {
      first: { purpose: 'first_password', email: EMAIL, action: '/a', code: 'x' },
      reset: { purpose: 'password_reset', email: EMAIL, action: '/a', code: 'x' },
    },
    'new-password': {
      usual: { email: EMAIL, action: '/a', error: null, cancelAction: '/c' },
      mistake: { email: EMAIL, action: '/a', error: t('setup.password_common'), cancelAction: '/c' },
    },
    'not-me': {
      'one sign-in': { about: 'Firefox, Windows, 192.0.2.7', action: '/a', code: 'x', backPath: '/b' },
      'in general': { about: null, action: '/a', code: 'x', backPath: '/b' },
    },
    undo: { usual: { action: '/u', code: 'x' } },
    denied: {
      'signing in': { what: 'sign_in', client: APP, backAction: '/b' },
      enrolling: { what: 'enrolment', client: APP, backAction: '/b' },
    },
    remember: {
      'one hour': { action: '/a', hours: 1, client: APP },
      'twelve hours': { action: '/a', hours: 12, client: APP },
    },
    message: {
      usual: { title: t('error.not_found_title'), text: t('error.not_found_text'), reference: null },
      'with a reference': { title: t('common.error_title'), text: t('error.server_text'), reference: 'Xy7_pQ2m' },
    },
    'form-post': { usual: { action: '/a', fields: { id_token: 'x' }, to: 'login.example.net' } },
    'device-code': {
      empty: { action: '/oidc/device', xsrf: 'x', code: '', error: null },
      wrong: { action: '/oidc/device', xsrf: 'x', code: 'BCDF-GHJK', error: t('device.wrong') },
    },
    'device-confirm': {
      usual: { ...deviceConfirm, device: 'Chrome, Linux' },
      'nothing known': { ...deviceConfirm, device: null },
    },
    'sign-out': { usual: { form: '<form id="f" method="post" action="/o"></form>', formId: 'f', stayPath: '/' } },
    console: {
      'every block': {
        title: t('console.part_people'),
        email: EMAIL,
        nav: [
          { path: '/admin', text: t('console.part_home'), isHere: true, count: 2 },
          { path: '/x', text: t('console.part_people'), isHere: false, count: 0 },
        ],
        back: { path: '/b', text: t('console.part_people') },
        waiting: { eventsPath: '/e', herePath: '/h' },
        blocks: [
          { type: 'heading', text: PHONE },
          { type: 'text', text: EMAIL, isHint: true },
          { type: 'notice', tone: 'bad', text: wrongCode, items: [t('setup.email_invalid')] },
          { type: 'notice', tone: 'good', text: t('setup.done_title') },
          { type: 'facts', items: [{ label: t('setup.name'), value: EMAIL }] },
          { type: 'secret', label: PHONE, value: 'plooi-harde-zon', hint: t('setup.password_hint') },
          { type: 'number', label: PHONE, value: '42', spoken: '4 2', hint: t('approve.waiting') },
          { type: 'links', items: [{ path: '/l', text: t('common.next'), tone: 'danger' }] },
          { type: 'pre', label: 'JSON', text: '{ "rules": [] }' },
          { type: 'chart', caption: PHONE, svg: barChart(PHONE, [{ label: PHONE, value: 1, of: 2 }]) },
          {
            type: 'chart',
            caption: APP,
            svg: lineChart(
              APP,
              [
                { x: 0, y: 1 },
                { x: 1, y: 3 },
              ],
              { from: '1 nov', to: '27 nov' },
            ),
          },
          {
            type: 'table',
            caption: t('console.part_people'),
            columns: [t('setup.name')],
            empty: '',
            nextPath: '/n',
            rows: [
              [{ text: EMAIL, path: '/p', hint: PHONE }],
              [{ text: 'iemand@example.org', tone: 'bad' }],
              [{ text: '', post: { action: '/a', text: t('common.next'), label: `${t('common.next')}: ${PHONE}` } }],
            ],
          },
          { type: 'table', caption: APP, columns: [APP], empty: t('error.not_found_text'), rows: [] },
          {
            type: 'form',
            action: '/f',
            hidden: { a: 'x' },
            submit: t('common.next'),
            mistakes: [{ text: t('setup.email_invalid'), field: 'ntext' }, { text: wrongCode }],
            cancel: { path: '/c', text: t('common.cancel') },
            fields: (['text', 'textarea', 'select', 'radio', 'checkboxes', 'checkbox', 'file'] as const).map(
              (kind) => ({
                kind,
                suggestions: [APP],
                name: `n${kind}`,
                label: `${t('setup.name')} (${kind})`,
                hint: t('setup.password_hint'),
                value: 'x',
                options: [{ value: 'x', text: APP }],
              }),
            ),
          },
        ],
      },
      empty: { title: t('console.part_people'), email: EMAIL, nav: [], back: null, waiting: null, blocks: [] },
    },
    'api-reference': {
      usual: {
        title: 'API',
        intro: t('setup.text'),
        documentPath: '/d',
        groups: [
          {
            name: t('console.part_people'),
            operations: [
              {
                id: 'listAccounts',
                method: 'GET',
                path: '/api/v1/accounts',
                summary: t('console.part_people'),
                description: null,
                scope: 'accounts:read',
                parameters: [{ name: 'limit', where: 'query', type: 'integer', isRequired: true, text: 'Most.' }],
                body: '{ "type": "object" }',
                example: 'curl https://login.example.org/api/v1/accounts',
                answers: [
                  { status: '200', text: 'OK', schema: '{ "type": "object" }' },
                  { status: '204', text: 'OK', schema: null },
                ],
              },
            ],
          },
        ],
      },
    },
    guide: {
      'which phone': { ...guide, phones: [] },
      iphone: { ...guide, phones: ['iphone'] },
      android: { ...guide, phones: ['android'] },
      book: { ...guide, phones: ['iphone', 'android'], isBook: true },
    },
    'guide-card': { usual: { address: guide.address } },
    companion: {
      usual: { noscript: t('companion.noscript'), loading: t('companion.loading'), themeColour: '#1d3f8f' },
    },
  };
}
