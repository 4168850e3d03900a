import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import type { Accounts } from '../store/accounts.ts';
import { apiResource } from './api-tokens.ts';
import { ourClient } from './client-metadata.ts';
import { groundInProgress } from './in-progress.ts';

/** What transactions are approved for, where a web app names no API of its own (RFC 9396 wants a target). */
export const approvalsResource = (publicUrl: string): string => `${publicUrl}/approvals`;

/** An API for which this client may ask tokens (RFC 8707), as it was registered; any other is refused. */
export function resourceFor(publicUrl: string) {
  return async (ctx: KoaContextWithOIDC, uri: string, client: Client): Promise<ResourceServer> => {
    if (uri === approvalsResource(publicUrl) && isApproval(ctx))
      return { scope: '', audience: uri, accessTokenFormat: 'opaque' };
    const resource = ourClient(client).settings.resources?.find((each) => each.uri === uri);
    const isOurs = uri === apiResource(publicUrl);
    if (!resource) throw new errors.InvalidTarget(`this client may ask no tokens for ${uri}`);
    return {
      scope: resource.scopes.join(' '),
      audience: resource.uri,
      accessTokenFormat: isOurs ? 'opaque' : resource.format,
      jwt: { sign: { alg: 'ES256' } },
    };
  };
}

const CIBA = 'urn:openid:params:grant-type:ciba';

/** The request for an approval, or its tokens: nothing else is worth an approval. */
const isApproval = ({ oidc }: KoaContextWithOIDC): boolean => {
  const { route } = oidc as { route?: string };
  return route === 'backchannel_authentication' || (route === 'token' && oidc.params?.grant_type === CIBA);
};

/** A client sees its own tokens; an API those that are for it. What a public client could ask, anybody could. */
export const createMayIntrospect =
  (accounts: Accounts) =>
  async (
    ctx: KoaContextWithOIDC,
    client: Client,
    token: { clientId?: string | undefined; accountId?: string | undefined; aud?: string | string[] | undefined },
  ): Promise<boolean> => {
    if (client.clientAuthMethod === 'none') return false;
    // What was given to a client that is disabled now, or about somebody who may not sign in, is worth nothing.
    if (!token.clientId || !(await ctx.oidc.provider.Client.find(token.clientId))) return false;
    if (token.accountId) {
      const read = groundInProgress()?.account;
      const account = read?.id === token.accountId ? read : await accounts.byId(token.accountId);
      if (account?.status !== 'active') return false;
    }
    if (token.clientId === client.clientId) return true;
    const audience = [token.aud ?? []].flat();
    return audience.some((uri) => ourClient(client).settings.serves?.includes(uri) ?? false);
  };

/** Its own tokens only; of anybody else's it does not learn whether there are any (RFC 7009, section 2.2). */
export const mayRevoke = async (_ctx: unknown, client: Client, token: { clientId?: string | undefined }) =>
  token.clientId === client.clientId;
