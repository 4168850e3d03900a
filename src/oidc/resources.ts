import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import { ourClient } from './client-metadata.ts';

/** What transactions are approved for, where a web app names no API of its own (RFC 9396 wants a target). */
export const approvalsResource = (publicUrl: string): string => `${publicUrl}/approvals`;

/** An API for which this client may ask tokens (RFC 8707), as it was registered; any other is refused. */
export function resourceFor(publicUrl: string) {
  return async (_ctx: KoaContextWithOIDC, uri: string, client: Client): Promise<ResourceServer> => {
    if (uri === approvalsResource(publicUrl)) return { scope: '', audience: uri, accessTokenFormat: 'opaque' };
    const resource = ourClient(client).settings.resources?.find((each) => each.uri === uri);
    if (!resource) throw new errors.InvalidTarget(`this client may ask no tokens for ${uri}`);
    return {
      scope: resource.scopes.join(' '),
      audience: resource.uri,
      accessTokenFormat: resource.format,
      jwt: { sign: { alg: 'ES256' } },
    };
  };
}

/** A client sees its own tokens; an API those that are for it. What a public client could ask, anybody could. */
export async function mayIntrospect(
  _ctx: unknown,
  client: Client,
  token: { clientId?: string | undefined; aud?: string | string[] | undefined },
): Promise<boolean> {
  if (client.clientAuthMethod === 'none') return false;
  if (token.clientId === client.clientId) return true;
  const audience = [token.aud ?? []].flat();
  return audience.some((uri) => ourClient(client).settings.serves?.includes(uri));
}

/** Its own tokens only; of anybody else's it does not learn whether there are any (RFC 7009, section 2.2). */
export const mayRevoke = async (_ctx: unknown, client: Client, token: { clientId?: string | undefined }) =>
  token.clientId === client.clientId;
