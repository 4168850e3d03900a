import { inject } from 'light-my-request';
import type { Provider } from 'oidc-provider';

/** An answer that is the same for everybody, as long as the provider's keys are. */
export interface PublicDocument {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Headers that belong to one message, not to the document. */
const OF_A_MESSAGE = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];

/**
 * Reads the library's public documents (discovery, JWKS) once from each provider, and keeps their text: made anew for
 * each request they cost eight times as much.
 */
export function createDocuments(
  callbackOf: (provider: Provider) => ReturnType<Provider['callback']>,
  publicUrl: string,
) {
  const kept = new WeakMap<Provider, Map<string, Promise<PublicDocument>>>();
  const { host, protocol } = new URL(publicUrl);

  const read = async (provider: Provider, url: string): Promise<PublicDocument> => {
    const answer = await inject(callbackOf(provider) as never, {
      method: 'GET',
      url,
      headers: { host, 'x-forwarded-proto': protocol.slice(0, -1) },
    });
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${answer.payload}`);
    const headers = Object.entries(answer.headers).filter(([name]) => !OF_A_MESSAGE.includes(name));
    return { headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])), body: answer.payload };
  };

  return (provider: Provider, url: string): Promise<PublicDocument> => {
    const documents = kept.get(provider) ?? new Map<string, Promise<PublicDocument>>();
    kept.set(provider, documents);
    const document = documents.get(url) ?? read(provider, url);
    documents.set(url, document);
    document.catch(() => documents.delete(url));
    return document;
  };
}
