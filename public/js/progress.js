// Long work: how far it is, without drawing the page anew. When it is over, the page says what came of it.
const EVERY_MS = 2000;
const bar = document.querySelector('progress[data-again]');
const label = document.querySelector(`label[for="${bar.id}"]`);

async function look() {
  try {
    const response = await fetch(bar.dataset.again, { redirect: 'manual', cache: 'no-store' });
    const far = response.ok ? await response.json() : { isOver: true };
    if (far.isOver) return location.reload();
    bar.value = far.share;
    label.textContent = far.label;
  } catch {
    // Without a network it says what it said; the next look may do better.
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
