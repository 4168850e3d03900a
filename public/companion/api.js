// Calls to the server. Each carries a fresh proof by the account's key.
import { makeProof } from './crypto.js';

/** A refusal by the server: `code` is stable, see src/core/refusals.ts. `offline` where there was no answer. */
export class Refused extends Error {
  constructor(code, problem = {}) {
    super(code);
    this.code = code;
    this.problem = problem;
  }
}

// A phone's clock may be wrong; the server says by how much.
let clockOffset = 0;
export const serverSeconds = () => Math.floor(Date.now() / 1000 + clockOffset);

// `navigator.onLine` knows of a network, not of a server: what counts is whether the last call got an answer.
let isReached = true;
export const isOnline = () => isReached && navigator.onLine;

function reached(now) {
  if (now === isReached) return;
  isReached = now;
  dispatchEvent(new Event('reachability'));
}

async function send(keys, method, path, body, signal) {
  const headers = { DPoP: await makeProof(keys, method, path, serverSeconds()), Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    const response = await fetch(path, { method, headers, body: content, signal, cache: 'no-store' });
    reached(true);
    return response;
  } catch (cause) {
    if (!signal?.aborted) reached(false);
    throw new Refused('offline', { cause });
  }
}

export async function call(keys, method, path, body) {
  let response = await send(keys, method, path, body);
  if (response.status === 401) {
    const problem = await response
      .clone()
      .json()
      .catch(() => ({}));
    if (problem.code === 'proof_time' && problem.serverTime) {
      clockOffset = problem.serverTime - Date.now() / 1000;
      response = await send(keys, method, path, body);
    }
  }
  if (response.status === 204) return undefined;
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(content.code ?? 'server_error', content);
  return content;
}

/** Server-sent events over fetch, because EventSource cannot carry a proof. Ends when `signal` does or the line drops. */
export async function listen(keys, path, signal, onEvent) {
  const response = await send(keys, 'GET', path, undefined, signal);
  if (!response.ok) throw new Refused((await response.json().catch(() => ({}))).code ?? 'server_error');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split('\n\n');
    text = parts.pop();
    for (const part of parts) {
      const event = /^event: (.+)$/m.exec(part)?.[1];
      if (event) onEvent(event);
    }
  }
}
