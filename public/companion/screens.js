// Every screen of the app, one function each. `go` moves to another screen; `goBack` to the one before.
import * as accounts from './accounts.js';
import { isOnline } from './api.js';
import { codeOf } from './code.js';
import { canNotify, permission } from './push.js';
import { scan } from './scan.js';
import { button, dateTime, el, icon, notice, refusalText, t } from './ui.js';

const CODE_LENGTH = 26;

/** What a scanned or opened address asks: `{ enrol: code }`, `{ request: code }`, `{ challenge: id }`, or nothing. */
export function readAddress(text) {
  if (!URL.canParse(text, location.href)) return {};
  const url = new URL(text, location.href);
  if (url.origin !== location.origin || url.pathname !== '/app') return {};
  const fragment = new URLSearchParams(url.hash.slice(1));
  return {
    enrol: fragment.get('e') ?? undefined,
    request: fragment.get('q') ?? undefined,
    challenge: fragment.get('c') ?? undefined,
  };
}

export async function list({ go, installer, draw }) {
  const known = await accounts.allAccounts();
  const add = el(
    'button.icon-button.primary',
    { type: 'button', 'aria-label': t('add'), onclick: () => go('add') },
    icon('plus'),
  );
  const install = installer() && button(t('install'), () => installer().prompt(), 'quiet');
  if (known.length === 0) {
    draw(
      t('title'),
      { actions: [add] },
      el(
        'div.empty',
        {},
        icon('lock', 64),
        el('h2', {}, t('empty_title')),
        el('p', {}, t('empty_text')),
        button(t('add'), () => go('add')),
      ),
      install,
    );
    return;
  }
  const rows = known.map((account) =>
    el(
      'li',
      {},
      el(
        'button.account',
        { type: 'button', onclick: () => go('account', { id: account.id }) },
        icon('lock', 28),
        el(
          'span',
          {},
          el('strong', {}, account.email),
          el('span', {}, account.organisation),
          stateOf(account) && el('span.hint', {}, stateOf(account)),
        ),
      ),
    ),
  );
  draw(
    t('title'),
    { actions: [add] },
    !isOnline() && notice(t('offline')),
    el('ul.accounts', {}, rows),
    notificationHint(go),
    button(t('scan_request'), () => go('scan'), 'quiet'),
    install,
  );
}

const stateOf = ({ isRevoked, isPushFrozen, state }) =>
  isRevoked ? t('revoked') : isPushFrozen ? t('frozen') : state === 'pending' ? t('pending') : undefined;

function notificationHint(go) {
  if (permission() === 'denied') return notice(t('notify_blocked'));
  if (permission() !== 'default') return undefined;
  return el(
    'div',
    {},
    notice(t('notify_off')),
    button(t('notify_turn_on'), () => go('notifications'), 'quiet'),
  );
}

export function add({ go, goBack, draw }) {
  draw(
    t('add_title'),
    { back: goBack },
    el(
      'button.choice',
      { type: 'button', onclick: () => go('how') },
      icon('work', 28),
      el('span', {}, el('strong', {}, t('add_work')), el('span.hint', {}, t('add_work_text'))),
    ),
  );
}

export function how({ go, goBack, draw }) {
  draw(
    t('how_title'),
    { back: goBack },
    el('p', {}, t('how_text')),
    button(t('scan'), () => go('scan')),
    button(t('type'), () => go('type'), 'quiet'),
  );
}

export function scanner({ go, goBack, onLeave, draw }) {
  const video = el('video', { playsinline: true, muted: true });
  const said = el('div', { 'aria-live': 'polite' });
  draw(
    t('scan_title'),
    { back: goBack },
    el('div.camera', {}, video),
    said,
    el('p', {}, t('scan_hint')),
    button(t('type'), () => go('type', {}, true), 'quiet'),
  );
  let stop = () => {};
  let hasLeft = false;
  onLeave(() => {
    hasLeft = true;
    stop();
  });
  scan(video, (text) => {
    const { enrol, request } = readAddress(text);
    if (enrol) go('adding', { code: enrol }, true);
    else if (request) go('request', { code: request }, true);
    else said.replaceChildren(notice(t('scan_not_ours'), 'bad'));
    return Boolean(enrol || request);
  }).then(
    (stopIt) => {
      stop = stopIt;
      if (hasLeft) stop();
    },
    (error) =>
      said.replaceChildren(notice(t(error.name === 'NotAllowedError' ? 'scan_refused' : 'scan_no_camera'), 'bad')),
  );
}

export function type({ go, goBack, draw }) {
  const said = el('div', { 'aria-live': 'assertive' });
  const field = el('input.code', {
    id: 'typed',
    type: 'text',
    autocomplete: 'off',
    autocapitalize: 'characters',
    spellcheck: 'false',
    maxlength: '60',
    'aria-describedby': 'typed-hint',
  });
  const submit = (event) => {
    event.preventDefault();
    const code = field.value.replace(/[\s-]/g, '');
    if (code.length === CODE_LENGTH) return go('adding', { code }, true);
    said.replaceChildren(notice(t('type_short'), 'bad'));
    field.setAttribute('aria-invalid', 'true');
    return field.focus();
  };
  draw(
    t('type_title'),
    { back: goBack },
    said,
    el(
      'form',
      { onsubmit: submit, novalidate: true },
      el(
        'div.field',
        {},
        el('label', { for: 'typed' }, t('type_label')),
        el('p.hint', { id: 'typed-hint' }, t('type_hint')),
        field,
      ),
      el('button.button', { type: 'submit' }, t('type_submit')),
    ),
  );
  field.focus();
}

/** A link can be sent by anyone: what it adds is added by a tap. */
export function confirm({ go, draw }, { code }) {
  draw(
    t('how_title'),
    {},
    el('div.empty', {}, icon('work', 64), el('p', {}, t('confirm_text'))),
    button(t('type_submit'), () => go('adding', { code }, true)),
    button(t('cancel'), () => go('list', {}, true), 'quiet'),
  );
}

const afterGate = () => (canNotify() && permission() === 'default' ? 'notifications' : 'added');

/** Offers to check who holds the phone before each approval. */
export async function gate({ go, draw }, { id, isNew }) {
  const account = (await accounts.allAccounts()).find((each) => each.id === id);
  const said = el('div', { 'aria-live': 'assertive' });
  const done = () => (isNew ? go(afterGate(), { isNew: true }, true) : go('account', { id }, true));
  const close = async () => {
    try {
      await accounts.gate(account);
      done();
    } catch (error) {
      said.replaceChildren(notice(error instanceof DOMException ? t('gate_refused') : refusalText(error), 'bad'));
    }
  };
  draw(
    t('gate_title'),
    {},
    el('div.empty', {}, icon('lock', 64), el('p', {}, t('gate_text'))),
    said,
    button(t('gate_on'), close),
    button(t('notify_later'), done, 'quiet'),
  );
}

export async function adding({ go, goBack, changed, draw }, { code }) {
  draw(t('adding'), {}, el('p.loading', {}, t('loading')));
  try {
    const account = await accounts.enrol(code);
    changed();
    if (await accounts.mayGate(account)) return go('gate', { id: account.id, isNew: true }, true);
    return go(afterGate(), { isNew: true }, true);
  } catch (error) {
    const text = error instanceof DOMException ? t('error_storage') : refusalText(error);
    draw(
      t('how_title'),
      { back: goBack },
      notice(text, 'bad'),
      button(t('scan'), () => go('scan', {}, true)),
      button(t('type'), () => go('type', {}, true), 'quiet'),
    );
  }
}

export function notifications({ go, draw }, { isNew }) {
  const done = () => go(isNew ? 'added' : 'list', {}, true);
  const allow = async (event) => {
    event.currentTarget.disabled = true;
    for (const account of await accounts.allAccounts())
      await accounts.keepSubscription(account, { ask: true }).catch(() => {});
    done();
  };
  draw(
    t('notify_title'),
    {},
    el('div.empty', {}, icon('bell', 64), el('p', {}, t('notify_text'))),
    button(t('notify_allow'), allow),
    button(t('notify_later'), done, 'quiet'),
  );
}

export async function added({ go, changed, draw }) {
  const known = await accounts.allAccounts();
  for (const account of known) await accounts.keepSubscription(account).catch(() => {});
  changed();
  const isHandedOver = known.some(({ isTransfer, state }) => isTransfer && state === 'pending');
  draw(
    t('added_title'),
    {},
    el('div.result', {}, icon('yes', 64), el('p', {}, t(isHandedOver ? 'added_by_transfer' : 'added_text'))),
    permission() !== 'granted' && notice(t(permission() === 'denied' ? 'notify_blocked' : 'notify_off')),
    button(t('title'), () => go('list', {}, true), 'quiet'),
  );
}

export async function account({ go, goBack, onLeave, draw }, { id }) {
  const known = (await accounts.allAccounts()).find((each) => each.id === id);
  if (!known) return go('list', {}, true);
  const events = el('div', {}, el('p.hint', {}, t('loading')));
  draw(
    known.email,
    { back: goBack },
    el('p', {}, known.organisation),
    stateOf(known) && notice(stateOf(known)),
    known.codeKey && known.state === 'active' && !known.isRevoked && codeOf(known, onLeave),
    el('h2', {}, t('history')),
    events,
    (await accounts.mayGate(known)) && button(t('gate_on_later'), () => go('gate', { id }), 'quiet'),
    known.hasGate && el('p.hint', {}, t('gate_is_on')),
    known.state === 'active' && !known.isRevoked && button(t('transfer'), () => go('transfer', { id }), 'quiet'),
    button(t('remove'), () => go('remove', { id }), 'danger'),
  );
  try {
    const past = known.isRevoked ? [] : await accounts.history(known);
    events.replaceChildren(
      past.length === 0
        ? el('p.hint', {}, t('history_empty'))
        : el(
            'ul.history',
            {},
            past.map(({ context, state }) =>
              el(
                'li',
                {},
                el('strong', {}, t(`state_${state}`)),
                ` · ${context.client}`,
                el(
                  'span.hint',
                  {},
                  [dateTime(context.at), context.browser, context.place ?? context.ip].filter(Boolean).join(' · '),
                ),
              ),
            ),
          ),
    );
  } catch (error) {
    events.replaceChildren(el('p.hint', {}, refusalText(error)));
  }
}

export async function remove({ go, goBack, changed, draw }, { id }) {
  const known = (await accounts.allAccounts()).find((each) => each.id === id);
  if (!known) return go('list', {}, true);
  const said = el('div', { 'aria-live': 'assertive' });
  const confirm = async () => {
    try {
      await accounts.forget(known);
      changed();
      go('list', {}, true);
    } catch (error) {
      said.replaceChildren(notice(refusalText(error), 'bad'));
    }
  };
  draw(
    t('remove_title'),
    { back: goBack },
    notice(t('remove_text', { email: known.email })),
    said,
    button(t('remove_confirm'), confirm, 'danger'),
  );
}

export function ios({ draw }) {
  draw(
    t('ios_title'),
    {},
    el('p', {}, t('ios_text')),
    el('ol.steps', {}, el('li', {}, t('ios_step1')), el('li', {}, t('ios_step2')), el('li', {}, t('ios_step3'))),
  );
}
