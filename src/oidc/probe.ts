import { lookup } from 'node:dns/promises';
import { isPublicAddress } from '../core/addresses.ts';
import type { Probe } from '../flow/client-doctor.ts';

const LONGEST_MS = 5000;
const LONGEST_TEXT = 100_000;

/**
 * One request to a web app, for its doctor; no redirects are followed. Private addresses are not called unless their
 * host is on the operator's list.
 * @throws Error whose message says in a few words why there was no answer
 */
export const createProbe =
  (hosts: readonly string[], send: typeof fetch = fetch): Probe =>
  async (url, options = {}) => {
    const { hostname } = new URL(url);
    if (!hosts.includes(hostname)) {
      const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []);
      if (addresses.length === 0) throw new Error('the name is not known');
      if (addresses.some(({ address }) => !isPublicAddress(address))) throw new Error('private address');
    }
    try {
      const { body, cookies = [] } = options;
      const response = await send(url, {
        method: body === undefined ? 'GET' : 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(LONGEST_MS),
        headers: {
          accept: body === undefined ? 'text/html' : '*/*',
          ...(cookies.length > 0 ? { cookie: cookies.join('; ') } : {}),
        },
        ...(body === undefined ? {} : { body }),
      });
      const text = await beginningOf(response);
      const date = Date.parse(response.headers.get('date') ?? '');
      return {
        status: response.status,
        location: response.headers.get('location') ?? undefined,
        cookies: response.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? ''),
        date: Number.isNaN(date) ? undefined : new Date(date),
        text,
      };
    } catch (error) {
      const cause = (error as Error).cause as { code?: string; message?: string } | undefined;
      throw new Error(cause?.code ?? cause?.message ?? (error as Error).message, { cause: error });
    }
  };

/** As much as anybody needs, of a site that may never stop. */
async function beginningOf({ body }: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length >= LONGEST_TEXT) break;
  }
  return text.slice(0, LONGEST_TEXT);
}
