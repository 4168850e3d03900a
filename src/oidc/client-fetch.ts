/**
 * Calls a web app. The library's guard refuses every address that is not public; here it is lifted for the hosts that
 * the operator listed, and for nothing that they redirect to.
 * @param hosts names or addresses, without port
 */
export const createClientFetch =
  (hosts: readonly string[], send: typeof fetch = fetch): typeof fetch =>
  (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    if (!hosts.includes(hostname)) return send(input, init);
    const { dispatcher, ...options } = (init ?? {}) as RequestInit & { dispatcher?: unknown };
    return send(input, { ...options, redirect: 'manual' });
  };
