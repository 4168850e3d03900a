// Change of phone: this phone shows a code, the new one scans it, this one approves.
import * as accounts from './accounts.js';
import { qrPicture } from './qr.js';
import { button, el, icon, notice, refusalText, t } from './ui.js';

const LOOK_EVERY_MS = 2000;

export async function transfer(tools, { id }) {
  const { go, goBack, changed, onLeave, draw } = tools;
  const account = (await accounts.allAccounts()).find((each) => each.id === id);
  if (!account) return go('list', {}, true);
  let hasLeft = false;
  let isDone = false;
  onLeave(() => {
    hasLeft = true;
    if (!isDone) void accounts.cancelTransfer(account).catch(() => {});
  });
  const failed = (error) => {
    if (!hasLeft) draw(t('transfer_title'), { back: goBack }, notice(refusalText(error), 'bad'));
  };

  const ask = (now) => {
    const said = el('div', { 'aria-live': 'assertive' });
    const approve = async () => {
      try {
        await accounts.approveTransfer(account, now);
        isDone = true;
        changed();
        go('transferred', { label: now.newPhone.label }, true);
      } catch (error) {
        said.replaceChildren(notice(error instanceof DOMException ? t('gate_refused') : refusalText(error), 'bad'));
      }
    };
    draw(
      t('transfer_confirm_title'),
      {},
      el('p', {}, t('transfer_confirm_text', { label: now.newPhone.label, email: account.email })),
      said,
      button(t('transfer_confirm'), approve),
      button(t('cancel'), goBack, 'quiet'),
    );
  };

  const wait = async () => {
    if (hasLeft) return;
    try {
      const now = await accounts.transferOf(account);
      if (hasLeft) return;
      if (!now) return draw(t('transfer_title'), { back: goBack }, notice(t('transfer_expired'), 'bad'));
      if (now.newPhone) return ask(now);
    } catch (error) {
      if (error.code !== 'offline') return failed(error);
    }
    setTimeout(wait, LOOK_EVERY_MS);
  };

  draw(t('transfer_title'), { back: goBack }, el('p.loading', {}, t('loading')));
  try {
    const started = await accounts.startTransfer(account);
    if (hasLeft) return undefined;
    draw(
      t('transfer_title'),
      { back: goBack },
      el(
        'ol.steps',
        {},
        el('li', {}, t('transfer_step1', { url: `${location.origin}/app` })),
        el('li', {}, t('transfer_step2')),
        el('li', {}, t('transfer_step3')),
      ),
      el('div.qr-frame', { role: 'img', 'aria-label': t('transfer_qr') }, qrPicture(started.qrUrl)),
      el('details.more', {}, el('summary', {}, t('transfer_typed')), el('p.code.typed', {}, started.typed)),
    );
    setTimeout(wait, LOOK_EVERY_MS);
  } catch (error) {
    failed(error);
  }
  return undefined;
}

export function transferred({ go, draw }, { label }) {
  draw(
    t('transferred_title'),
    {},
    el('div.result', {}, icon('yes', 64), el('p', {}, t('transferred_text', { label }))),
    button(t('title'), () => go('list', {}, true), 'quiet'),
  );
}
