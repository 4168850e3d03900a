import type { Provider } from 'oidc-provider';

/** The audience of tokens for our own API (RFC 8707). */
export const API_PATH = '/api/v1';
export const apiResource = (publicUrl: string): string => publicUrl + API_PATH;

/** What an access token for our API says. */
export interface ApiToken {
  readonly clientId: string;
  /** Undefined for a program that acts for itself. */
  readonly accountId: string | undefined;
  readonly scopes: readonly string[];
  readonly acr: string | undefined;
  /** When the person signed in; seconds since 1970. */
  readonly authTime: number | undefined;
  /** Thumbprint of the key that it is bound to (RFC 9449). */
  readonly keyThumbprint: string | undefined;
}

export interface ApiTokens {
  /** What a token says, where it is one of ours, for our API, and still good. */
  read(token: string): Promise<ApiToken | undefined>;
}

/** The fields of the library's tokens that we read. */
interface LibraryToken {
  readonly isValid: boolean;
  readonly clientId?: string;
  readonly accountId?: string;
  readonly aud?: string | readonly string[];
  readonly scope?: string;
  readonly extra?: { readonly acr?: string; readonly auth_time?: number };
  readonly jkt?: string;
  readonly 'x5t#S256'?: string;
  readonly sessionUid?: string;
  readonly grantId?: string;
}

/** Tokens for our own API are opaque: what ends a session, a client or a grant ends them at once. */
export const createApiTokens = (current: () => Provider, publicUrl: string): ApiTokens => ({
  async read(value) {
    const provider = current();
    const found = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
    const token = found as unknown as LibraryToken | undefined;
    if (!token?.isValid || !token.clientId) return undefined;
    if (![token.aud ?? []].flat().includes(apiResource(publicUrl))) return undefined;
    // A certificate ends at the proxy: nothing here could hold a token against it.
    if (token['x5t#S256'] !== undefined) return undefined;
    if (!(await provider.Client.find(token.clientId))) return undefined;
    if (token.grantId !== undefined && !(await provider.Grant.find(token.grantId))) return undefined;
    if (token.sessionUid !== undefined && !(await provider.Session.findByUid(token.sessionUid))) return undefined;
    return {
      clientId: token.clientId,
      accountId: token.accountId,
      scopes: token.scope?.split(' ') ?? [],
      acr: token.extra?.acr,
      authTime: token.extra?.auth_time,
      keyThumbprint: token.jkt,
    };
  },
});
