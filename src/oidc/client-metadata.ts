import type { Client as LibraryClient } from 'oidc-provider';
import type { ClientProfile, ClientSettings, NewClient } from '../store/clients.ts';
import type { OidcPayload } from '../store/oidc-payloads.ts';
import { TRANSACTION } from './transactions.ts';

/** What of ours travels with the library's client. */
export interface OurClient {
  readonly profile: ClientProfile;
  readonly settings: ClientSettings;
}

/** The one metadata parameter of ours. */
export const OUR_PARAMETER = 'dubbelslot';

/** Only digests of secrets are stored, and they are compared by ourselves; the library wants to see something. */
const SECRET_ELSEWHERE = 'stored as a digest';

/** A registration in the library's words. */
export function toMetadata(client: NewClient): OidcPayload {
  const { metadata, profile, settings } = client;
  const hasSecret = metadata.token_endpoint_auth_method.startsWith('client_secret_');
  const ours: OurClient = { profile, settings };
  // Many apps ask for `offline_access` when they want to refresh: let them.
  const mayRefresh = metadata.grant_types.includes('refresh_token');
  const mayAsk = metadata.grant_types.includes('urn:openid:params:grant-type:ciba');
  return {
    ...metadata,
    ...(metadata.scope && mayRefresh ? { scope: `${metadata.scope} offline_access` } : {}),
    client_id: client.id,
    client_name: client.name,
    ...(mayAsk ? { authorization_details_types: [TRANSACTION] } : {}),
    ...(hasSecret ? { client_secret: SECRET_ELSEWHERE } : {}),
    [OUR_PARAMETER]: ours,
  };
}

const NOTHING: OurClient = { profile: 'web', settings: {} };

/** What of ours a client of the library's carries; our own portal carries nothing. */
export const ourClient = (client: LibraryClient | undefined): OurClient =>
  (client?.[OUR_PARAMETER] as OurClient | undefined) ?? NOTHING;
