/**
 * Calls an address that somebody registered: a web app's, a webhook's. Follows no redirects, and calls no private
 * address unless the operator listed its host. Rejects with an Error whose message says in a few words why there was no
 * answer: `private address`, `the name is not known`, or the system's code.
 */
export type OutboundFetch = (url: string, init?: OutboundInit) => Promise<Response>;

export interface OutboundInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  readonly signal?: AbortSignal;
}
