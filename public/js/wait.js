// Moves on by itself: the server says that something changed, the page asks what.
const waiting = document.querySelector('[data-events]');
const goOn = () => location.replace(waiting.dataset.then);
const source = new EventSource(waiting.dataset.events);
source.addEventListener('changed', () => {
  source.close();
  goOn();
});
source.addEventListener('error', () => {
  // The browser connects again by itself, except after an answer that is not a stream.
  if (source.readyState === EventSource.CLOSED) setTimeout(goOn, 2000);
});
// A laptop that slept has missed what happened.
addEventListener('pageshow', (event) => {
  if (event.persisted) goOn();
});
