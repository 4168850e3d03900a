import type { Provider } from 'oidc-provider';

/** The library's own calls to a web app, which provider.ts replaces by owing them. */
export interface CallingClient {
  backchannelLogout(sub: string, sid: string): Promise<void>;
  backchannelPing(request: { jti: string; accountId: string }): Promise<void>;
}

export const originals = new WeakMap<Provider, CallingClient>();
