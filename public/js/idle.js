// Says two minutes ahead that somebody will have to sign in again, and lets them stay (WCAG 2.2, 2.2.1).
const WARN_MS = 120_000;
const region = document.querySelector('[data-idle]');
const { idle: seconds, stay: path } = region.dataset;

const stay = async () => {
  try {
    const answer = await fetch(path, { redirect: 'manual', cache: 'no-store' });
    if (answer.ok) begin();
    else location.reload();
  } catch {
    // Without a network nothing is lost yet: the button stays.
  }
};

function begin() {
  region.replaceChildren();
  setTimeout(
    () => {
      region.append(document.querySelector('#idle').content.cloneNode(true));
      region.querySelector('button').addEventListener('click', stay);
    },
    seconds * 1000 - WARN_MS,
  );
}

begin();
