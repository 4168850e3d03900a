import { Agent, fetch as sendRequest } from 'undici';
import { bare, isNumericHost, isPublicAddress, publicLookup } from './core/addresses.ts';
import type { OutboundFetch } from './core/outbound.ts';

/**
 * Connects to the very addresses that were checked to be public, unless the operator listed the host.
 * @param hosts names or addresses on the organisation's own network, without port
 * @param testFetch in a test that has certificates of its own; never a setting
 */
export function createOutboundFetch(hosts: readonly string[], testFetch?: typeof fetch): OutboundFetch {
  const guarded = new Agent({ connect: { lookup: publicLookup } });
  const open = new Agent();
  return async (url, init = {}) => {
    const { hostname } = new URL(url);
    const isListed = hosts.includes(hostname);
    if (!isListed && isNumericHost(hostname) && !isPublicAddress(bare(hostname))) throw new Error('private address');
    const options = { ...init, redirect: 'manual' } as const;
    try {
      if (isListed && testFetch) return await testFetch(url, options);
      const answer = await sendRequest(url, { ...options, dispatcher: isListed ? open : guarded });
      return answer as unknown as Response;
    } catch (error) {
      throw new Error(reasonOf(error as Error), { cause: error });
    }
  };
}

/** What `fetch` hides in its cause. */
function reasonOf(error: Error): string {
  const { code, message } = (error.cause ?? error) as { code?: string; message: string };
  if (code === 'EADDRNOTALLOWED') return 'private address';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not known';
  return code ?? message;
}
