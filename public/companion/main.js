// Starts the app, moves between screens, and notices requests by itself: a push is only a hint.
import * as accounts from './accounts.js';
import { refused, request, result } from './request.js';
import * as screens from './screens.js';
import { transfer, transferred } from './transfer.js';
import { draw, loadMessages, locale, notice, refusalText, t } from './ui.js';

const SCREENS = {
  list: screens.list,
  add: screens.add,
  how: screens.how,
  scan: screens.scanner,
  type: screens.type,
  confirm: screens.confirm,
  adding: screens.adding,
  gate: screens.gate,
  notifications: screens.notifications,
  added: screens.added,
  request,
  result,
  refused,
  account: screens.account,
  remove: screens.remove,
  transfer,
  transferred,
  ios: screens.ios,
};
/** Where a request that comes in may take over: not while somebody is adding or answering. */
const MAY_INTERRUPT = new Set(['list', 'account', 'added', 'result', 'refused', 'add', 'how']);
const RETRY_MS = [1000, 2000, 5000, 15000];

let current = 'list';
let leave = () => {};
let installEvent;
const seen = new Set();
let shownRequest;
let drawing = 0;

const tools = {
  go,
  goBack: () => history.back(),
  changed: () => void listenToAll(),
  installer: () => installEvent,
};

function render(name, parameters = {}) {
  leave();
  leave = () => {};
  current = name;
  shownRequest = name === 'request' ? parameters : undefined;
  document.documentElement.dataset.screen = name;
  // A screen that waited for the network draws nothing over the one that came in its place.
  drawing += 1;
  const number = drawing;
  const isShown = () => number === drawing;
  const own = {
    ...tools,
    isShown,
    draw: (...parts) => isShown() && draw(...parts),
    onLeave: (callback) => {
      if (isShown()) leave = callback;
      else callback();
    },
  };
  return SCREENS[name](own, parameters);
}

function go(name, parameters = {}, isReplacing = false) {
  history[isReplacing ? 'replaceState' : 'pushState']({ name, parameters }, '', '/app');
  return render(name, parameters);
}

addEventListener('popstate', ({ state }) => render(state?.name ?? 'list', state?.parameters));
addEventListener('hashchange', followAddress);
addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  installEvent = event;
  if (current === 'list') render('list');
});
addEventListener('appinstalled', () => {
  installEvent = undefined;
  if (current === 'list') render('list');
});
for (const event of ['online', 'offline', 'reachability'])
  addEventListener(event, () => current === 'list' && render('list'));

/**
 * An address with a code in it: opened by the phone's camera, a notification, or the wizard on this very phone.
 * Returns whether it was one.
 */
function followAddress() {
  const { enrol, request, challenge } = screens.readAddress(location.href);
  if (enrol) go('confirm', { code: enrol }, true);
  else if (request) void followLink(request);
  else if (challenge) {
    history.replaceState({ name: 'list' }, '', '/app');
    void lookForRequests(challenge);
  } else return false;
  return true;
}

/**
 * The address of a sign-in page's QR code, opened as a link. Only scanning inside the app shows that the phone is at
 * the computer; a link can be sent by anyone, so the number is asked.
 */
async function followLink(code) {
  try {
    const { account, challenge } = await accounts.challengeByCode(code);
    return go('request', { id: challenge.id, accountId: account.id }, true);
  } catch (error) {
    return go('refused', { text: refusalText(error) }, true);
  }
}

/** Shows the newest request that waits, once; `wanted` again, because somebody tapped its notification. */
async function lookForRequests(wanted) {
  const waiting = await accounts.openChallenges().catch(() => []);
  const found =
    waiting.find(({ challenge }) => challenge.id === wanted) ??
    waiting.find(({ challenge }) => !seen.has(challenge.id));
  if (!found) return wanted && current !== 'request' ? render('list') : undefined;
  if (shownRequest?.id === found.challenge.id) return undefined;
  // A newer request of the same account has replaced the one that is on the screen.
  const isReplacement = current === 'request' && shownRequest?.accountId === found.account.id;
  if (!wanted && !isReplacement && !MAY_INTERRUPT.has(current)) return undefined;
  seen.add(found.challenge.id);
  return go('request', { id: found.challenge.id, accountId: found.account.id }, current !== 'list');
}

// One stream for each account while the app is on the screen; a look at each signal and each time it opens.
let listening = new AbortController();
async function listenToAll() {
  listening.abort();
  listening = new AbortController();
  const { signal } = listening;
  for (const account of await accounts.allAccounts()) {
    if (!account.isRevoked) void listenTo(account, signal);
  }
}

async function listenTo(account, signal) {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      await accounts.listenFor(account, signal, () => {
        attempt = 0;
        void lookForRequests();
        if (account.state === 'pending') void becameActive(account);
      });
    } catch (error) {
      if (error.code === 'authenticator_unknown') return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
    if (!signal.aborted) void lookForRequests();
  }
}

/** A new phone learns that it was tested, or approved by the old one. */
async function becameActive(account) {
  await accounts.refresh(account);
  if (account.state === 'active' && (current === 'list' || current === 'added')) await go('list', {}, true);
}

async function wakeUp() {
  await listenToAll();
  await lookForRequests();
  for (const account of await accounts.allAccounts()) {
    const before = JSON.stringify([account.state, account.isRevoked, account.isPushFrozen]);
    await accounts.refresh(account);
    await accounts.keepSubscription(account).catch(() => {});
    if (current === 'list' && before !== JSON.stringify([account.state, account.isRevoked, account.isPushFrozen]))
      await render('list');
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void wakeUp();
  else listening.abort();
});

const isIos =
  /iPhone|iPad|iPod/.test(navigator.userAgent) || (navigator.platform === 'MacIntel' && navigator.maxTouchPoints > 1);
const isInstalled = navigator.standalone === true || matchMedia('(display-mode: standalone)').matches;

// The one address that is loaded as a script by name; the page's policy allows no other way (Trusted Types).
const workerUrl =
  globalThis.trustedTypes?.createPolicy('companion', { createScriptURL: () => '/app/worker.js' }).createScriptURL('') ??
  '/app/worker.js';

async function start() {
  await loadMessages(document.documentElement.lang);
  document.documentElement.lang = locale;
  if (isIos && !isInstalled) return render('ios');
  if ('serviceWorker' in navigator) {
    await navigator.serviceWorker.register(workerUrl, { scope: '/app' });
    navigator.serviceWorker.addEventListener('message', ({ data }) => {
      if (data.type === 'challenge') void lookForRequests(data.isTapped ? data.id : undefined);
    });
  }
  try {
    await accounts.allAccounts();
  } catch {
    return draw('Dubbelslot', {}, notice(t('error_storage'), 'bad'));
  }
  if (!followAddress()) {
    history.replaceState({ name: 'list' }, '', '/app');
    await render('list');
  }
  await wakeUp();
  document.documentElement.dataset.ready = 'true';
}

void start();
