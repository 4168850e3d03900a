import type { OutboundFetch } from '../core/outbound.ts';
import type { Probe } from '../flow/client-doctor.ts';

const LONGEST_MS = 5000;
const LONGEST_TEXT = 100_000;

/** One request to a web app, for its doctor. */
export const createProbe =
  (send: OutboundFetch): Probe =>
  async (url, { body, cookies = [] } = {}) => {
    const response = await send(url, {
      method: body === undefined ? 'GET' : 'POST',
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
