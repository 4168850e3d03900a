// The screens of a request: the question, and what came of it.
import * as accounts from './accounts.js';
import { clearNotifications } from './push.js';
import { button, dateTime, el, icon, money, notice, refusalText, t } from './ui.js';

const OUTCOME = { approve: 'approved', deny: 'denied', report: 'reported' };

/** The approval. `code` where the QR code on the computer was scanned: then there is no number to type. */
export async function request(tools, parameters) {
  const { go, changed, draw } = tools;
  const { id, accountId, code } = parameters;
  let account;
  let asked;
  try {
    if (code) ({ account, challenge: asked } = await accounts.challengeByCode(code));
    else {
      account = (await accounts.allAccounts()).find((each) => each.id === accountId);
      asked = await accounts.challenge(account, id);
    }
    if (asked.state !== 'open')
      throw Object.assign(new Error(asked.state), {
        code: asked.state === 'expired' ? 'challenge_expired' : 'challenge_closed',
      });
  } catch (error) {
    return tools.isShown() ? go('refused', { text: refusalText(error) }, true) : undefined;
  }
  if (!tools.isShown()) return undefined;

  const { context, numberLength } = asked;
  const isCaller = context.purpose === 'caller_check';
  const isApproval = context.about !== undefined;
  const titles = {
    enrolment_test: 'test_title',
    client_approval: 'approval_title',
    caller_check: 'caller_title',
  };
  const said = el('div', { 'aria-live': 'assertive' });
  const number =
    !code &&
    el('input.digits', {
      id: 'number',
      inputmode: 'numeric',
      pattern: '[0-9]*',
      autocomplete: 'off',
      maxlength: String(numberLength),
    });
  const numberLabel = isCaller
    ? t('number_label_caller')
    : isApproval
      ? t('number_label_approval', { client: context.client })
      : t('number_label');
  const fact = (label, value) => value && [el('dt', {}, t(label)), el('dd', {}, value)];

  const send = async (decision, match) => {
    for (const each of document.querySelectorAll('.screen button')) each.disabled = true;
    try {
      const { state } = await accounts.answer(account, asked, decision, match);
      await clearNotifications(asked.id).catch(() => {});
      if (!tools.isShown()) return undefined;
      changed();
      go('result', { state, isApproval }, true);
    } catch (error) {
      if (!tools.isShown()) return undefined;
      for (const each of document.querySelectorAll('.screen button')) each.disabled = false;
      const left = error.problem?.triesLeft;
      if (error.code === 'wrong_number' && left > 0) {
        said.replaceChildren(notice(t('wrong_number', { left }), 'bad'));
        number.value = '';
        return number.focus();
      }
      if (error.name === 'NotAllowedError') return said.replaceChildren(notice(t('gate_refused'), 'bad'));
      if (error.code === 'offline') return said.replaceChildren(notice(t('offline'), 'bad'));
      // Perhaps our first try did arrive, and only its answer was lost.
      if (error.code === 'challenge_closed') {
        const now = await accounts.challenge(account, asked.id).catch(() => undefined);
        if (now?.state === OUTCOME[decision]) return go('result', { state: now.state, isApproval }, true);
      }
      const text = error.code === 'wrong_number' ? t('wrong_number_last') : refusalText(error);
      return go('refused', { text }, true);
    }
    return undefined;
  };
  const approve = (event) => {
    event.preventDefault();
    if (code) return send('approve', { code });
    const typed = number.value.trim();
    if (typed.length === numberLength && /^\d+$/.test(typed)) return send('approve', { number: typed });
    said.replaceChildren(notice(t('number_missing', { length: numberLength }), 'bad'));
    return number.focus();
  };
  const report = () => {
    draw(
      t('report_title'),
      { back: () => request(tools, parameters) },
      notice(t(isApproval ? 'report_text_approval' : 'report_text'), 'bad'),
      said,
      button(t('report_confirm'), () => send('report', {}), 'danger'),
    );
  };

  draw(
    t(titles[context.purpose] ?? 'request_title'),
    {},
    el(
      'dl.facts',
      {},
      fact('request_client', context.client),
      fact('request_message', !isCaller && context.about?.message),
      fact('request_amount', context.about?.amount && money(context.about.amount)),
      fact('request_to', context.about?.to),
      fact('request_account', account.email),
      fact('request_browser', context.browser),
      fact('request_place', [context.place, context.ip].filter(Boolean).join(' · ')),
      fact('request_time', dateTime(context.at)),
    ),
    isCaller && notice(t('caller_warning'), 'bad'),
    said,
    el(
      'form',
      { onsubmit: approve, novalidate: true },
      number ? el('div.field', {}, el('label', { for: 'number' }, numberLabel), number) : notice(t('scanned')),
      el('button.button', { type: 'submit' }, t('approve')),
    ),
    button(t('deny'), () => send('deny', {}), 'quiet'),
    button(t('report'), report, 'danger'),
  );
  if (number) number.focus();
}

export function result({ go, draw }, { state, isApproval = false }) {
  const isGood = state === 'approved';
  draw(
    t(`${state}_title`),
    {},
    el(
      `div.result${isGood ? '' : '.bad'}`,
      {},
      icon(isGood ? 'yes' : 'no', 64),
      el('p', {}, t(`${state}_text${isApproval ? '_approval' : ''}`)),
    ),
    button(t('title'), () => go('list', {}, true), 'quiet'),
  );
}

/** A request that cannot be answered, or not any more. */
export function refused({ go, draw }, { text }) {
  draw(
    t('request_title'),
    {},
    notice(text, 'bad'),
    button(t('title'), () => go('list', {}, true), 'quiet'),
  );
}
