import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { PORTAL_CALLBACK, PORTAL_CLIENT_ID } from './portal-client.ts';

/** Who the browser is signed in as, at our own provider. */
export interface SignedIn {
  readonly opUid: string;
  readonly sub: string;
  readonly acr: string | undefined;
  readonly amr: readonly string[];
  /** Seconds since 1970. */
  readonly authTime: number | undefined;
}

export interface PortalSignIn {
  /** Where to send a browser that must sign in; `maxAge` in seconds asks for a fresh sign-in, `isAgain` for one now. */
  address(state: string, options?: { maxAge?: number; isAgain?: boolean; acr?: string }): string;
  signOutAddress(): string;
  /** Reads the OP session of this browser, signature checked. */
  who(request: IncomingMessage, response: ServerResponse): Promise<SignedIn | undefined>;
}

export function createPortalSignIn(current: () => Provider, publicUrl: string): PortalSignIn {
  return {
    address(state, { maxAge, isAgain, acr } = {}) {
      const query = new URLSearchParams({
        client_id: PORTAL_CLIENT_ID,
        response_type: 'none',
        scope: 'openid',
        redirect_uri: publicUrl + PORTAL_CALLBACK,
        state,
        ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
        ...(isAgain ? { prompt: 'login' } : {}),
        ...(acr ? { acr_values: acr } : {}),
      });
      return `/oidc/auth?${query}`;
    },
    signOutAddress() {
      const query = new URLSearchParams({ client_id: PORTAL_CLIENT_ID, post_logout_redirect_uri: `${publicUrl}/` });
      return `/oidc/sign-out?${query}`;
    },
    async who(request, response) {
      const provider = current();
      const session = await provider.Session.get(provider.createContext(request, response) as never);
      if (!session.accountId) return undefined;
      return {
        opUid: session.uid,
        sub: session.accountId,
        acr: session.acr,
        amr: session.amr ?? [],
        authTime: session.loginTs,
      };
    },
  };
}
