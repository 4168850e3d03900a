// The phone's own code, for when it has no network: six digits that change every half minute.
import { serverSeconds } from './api.js';
import { CODE_SECONDS, codeAt } from './crypto.js';
import { el, t } from './ui.js';

/** The code of an account, kept up to date until `onLeave`. */
export function codeOf({ codeKey }, onLeave) {
  const digits = el('p.own-code', { 'aria-live': 'off' });
  const left = el('progress.code-left', { max: String(CODE_SECONDS), value: '0', 'aria-label': t('code_left') });
  let isOver = false;
  onLeave(() => {
    isOver = true;
  });
  const show = async () => {
    if (isOver) return;
    const now = serverSeconds();
    const code = await codeAt(codeKey, now);
    const text = `${code.slice(0, 3)} ${code.slice(3)}`;
    if (digits.textContent !== text) digits.textContent = text;
    left.value = CODE_SECONDS - (now % CODE_SECONDS);
    setTimeout(show, 500);
  };
  void show();
  return el('section', {}, el('h2', {}, t('code_title')), digits, left, el('p.hint', {}, t('code_text')));
}
