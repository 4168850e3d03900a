// The little that screens need: elements, sentences, icons.
let messages = {};
export let locale = 'nl';

export async function loadMessages(wanted) {
  locale = wanted;
  const response = await fetch(`/app/messages/${wanted}`);
  messages = await response.json();
}

export const t = (key, values = {}) =>
  (messages[key] ?? key).replace(
    /\{(\w+)\}/g,
    (whole, name) => values[name] ?? (name === 'organisation' ? messages.organisation : whole),
  );

/** `el('p.hint', { id: 'x', onclick }, 'text', child)`; text is always text, never markup. */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const ICONS = {
  back: 'M15.500 4 8 12l7.500 8 1.500-1.400L10.700 12 17 5.400z',
  plus: 'M11 4h2v7h7v2h-7v7h-2v-7H4v-2h7z',
  scan: 'M3 3h6v2H5v4H3zm12 0h6v6h-2V5h-4zM3 15h2v4h4v2H3zm16 0h2v6h-6v-2h4zM7 7h4v4H7zm6 0h4v4h-4zM7 13h4v4H7zm6 0h2v2h2v2h-4z',
  work: 'M9 3h6a2 2 0 0 1 2 2v1h3a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h3V5a2 2 0 0 1 2-2zm0 3h6V5H9zM5 8v10h14V8z',
  lock: 'M7 10V8a5 5 0 0 1 10 0v2h1a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zm2 0h6V8a3 3 0 0 0-6 0z',
  bell: 'M12 2a6 6 0 0 1 6 6v5l2 3v1H4v-1l2-3V8a6 6 0 0 1 6-6zm-2 17h4a2 2 0 0 1-4 0z',
  yes: 'M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm-1.500 16.300L5.600 12.400l1.800-1.800 3.100 3.100 6.100-6.100 1.800 1.800z',
  no: 'M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm4.900 14.500-1.400 1.400-3.500-3.500-3.500 3.500-1.400-1.400 3.500-3.500-3.500-3.500 1.400-1.400 3.500 3.500 3.500-3.500 1.400 1.400-3.500 3.500z',
};

export function icon(name, size = 24) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', width: size, height: size, 'aria-hidden': 'true' }))
    svg.setAttribute(key, value);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

export const button = (label, onclick, kind = '', attributes = {}) =>
  el(`button.button${kind ? `.${kind}` : ''}`, { type: 'button', onclick, ...attributes }, label);

const app = document.getElementById('app');

/** Puts a screen on the page: a heading that gets the focus, perhaps a way back, and what is below it. */
export function draw(title, { back, actions = [] }, ...content) {
  const heading = el('h1', { tabindex: '-1' }, title);
  const top = el(
    'header.top',
    {},
    back && el('button.icon-button', { type: 'button', 'aria-label': t('back_label'), onclick: back }, icon('back')),
    heading,
    ...actions,
  );
  app.replaceChildren(top, el('main.screen', {}, ...content));
  app.removeAttribute('aria-busy');
  document.title = `${title} – Dubbelslot`;
  heading.focus();
}

export const notice = (text, kind = '') =>
  el(`div.notice${kind ? `.${kind}` : ''}`, { role: kind === 'bad' ? 'alert' : 'status' }, el('p', {}, text));

export const dateTime = (value) =>
  new Intl.DateTimeFormat(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    hour: '2-digit',
    minute: '2-digit',
  }).format(new Date(value));

/** `1250.00 EUR` as the person writes it, to the last decimal: what is shown is what is signed. */
export function money(amount) {
  const [value, currency] = amount.split(' ');
  try {
    const decimals = value.split('.')[1]?.length ?? 0;
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    return new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay: 'code', ...digits }).format(
      value,
    );
  } catch {
    return amount;
  }
}

/** The sentence for a refusal by the server. */
export function refusalText(error) {
  const known = {
    offline: 'offline',
    enrolment_code_unknown: 'error_code_unknown',
    enrolment_code_used: 'error_code_used',
    enrolment_code_expired: 'error_code_expired',
    challenge_unknown: 'error_not_yours',
    challenge_closed: 'closed',
    challenge_expired: 'expired',
    authenticator_unknown: 'revoked',
    push_frozen: 'frozen',
    proof_time: 'error_time',
  };
  return t(known[error.code] ?? 'error_generic');
}
