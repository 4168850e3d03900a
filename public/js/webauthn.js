// Asks the browser for a security key or passkey, and submits what it said. Without script the forms say so.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
const withBytes = (descriptors = []) => descriptors.map((each) => ({ ...each, id: toBytes(each.id) }));

function parse(form) {
  const options = JSON.parse(form.dataset.options);
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  if (options.excludeCredentials) options.excludeCredentials = withBytes(options.excludeCredentials);
  if (options.allowCredentials) options.allowCredentials = withBytes(options.allowCredentials);
  return options;
}

/** A credential as JSON (WebAuthn, section 5.1.8), with the fields that the server reads. */
function describe({ id, rawId, type, response }) {
  const said = { clientDataJSON: toText(response.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle'])
    if (response[name]) said[name] = toText(response[name]);
  if (response.getTransports) said.transports = response.getTransports();
  return JSON.stringify({ id, rawId: toText(rawId), type, response: said, clientExtensionResults: {} });
}

let waiting = new AbortController();

async function ask(form, more = {}) {
  waiting.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  const request = { publicKey: parse(form), signal, ...more };
  const credential = await (form.dataset.webauthn === 'create'
    ? navigator.credentials.create(request)
    : navigator.credentials.get(request));
  if (signal.aborted || !credential) return;
  form.elements.response.value = describe(credential);
  form.submit();
}

function say(text) {
  const said = document.querySelector('[data-said]');
  said.hidden = false;
  said.firstElementChild.textContent = text;
}

for (const form of document.querySelectorAll('[data-webauthn]')) {
  const { webauthn, failed, known, unsupported } = form.dataset;
  if (!window.PublicKeyCredential) {
    if (webauthn === 'passkey') form.hidden = true;
    else say(unsupported);
    continue;
  }
  form.hidden = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask(form).catch((error) => {
      if (error.name !== 'AbortError') say(error.name === 'InvalidStateError' ? known : failed);
    });
  });
  // A passkey in the list under the e-mail field, where the browser can.
  if (webauthn === 'passkey') {
    Promise.resolve(PublicKeyCredential.isConditionalMediationAvailable?.())
      .then((can) => can && ask(form, { mediation: 'conditional' }))
      .catch(() => {});
  }
}
