// Says two minutes ahead that somebody will have to sign in again, and lets them stay (WCAG 2.2, 2.2.1).
const WARN_MS = 120_000;
const region = document.querySelector('[data-idle]');
const { idle: seconds, stay: path, over } = region.dataset;
let timers = [];
let before;

/** Nothing of the page is touched: what is in a form may still be sent, and is kept over signing in again. */
function tellIsOver() {
  region.querySelector('p').textContent = over;
  region.querySelector('button')?.remove();
}

async function stay() {
  try {
    const answer = await fetch(path, { redirect: 'manual', cache: 'no-store' });
    if (!answer.ok) return tellIsOver();
  } catch {
    // Without a network nothing is lost yet: the button stays.
    return;
  }
  begin();
  (before?.isConnected ? before : document.querySelector('main')).focus();
}

function warn() {
  before = document.activeElement === document.body ? undefined : document.activeElement;
  region.append(document.querySelector('#idle').content.cloneNode(true));
  region.querySelector('button').addEventListener('click', stay);
}

function begin() {
  timers.forEach(clearTimeout);
  region.replaceChildren();
  timers = [setTimeout(warn, seconds * 1000 - WARN_MS), setTimeout(tellIsOver, seconds * 1000)];
}

begin();
