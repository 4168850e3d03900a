import type { OidcPayload } from '../store/oidc-payloads.ts';

/** Our own pages are a relying party of our own provider: there is one place where anybody signs in. */
export const PORTAL_CLIENT_ID = 'dubbelslot-portal';
export const PORTAL_CALLBACK = '/mfa/callback';
export const PORTAL_SIGNED_OUT = '/';

/** `response_type=none`: the browser comes back without a code, and the OP session says who it is. */
export const portalClient = (publicUrl: string): OidcPayload => ({
  client_id: PORTAL_CLIENT_ID,
  client_name: 'Dubbelslot',
  redirect_uris: [publicUrl + PORTAL_CALLBACK],
  post_logout_redirect_uris: [publicUrl + PORTAL_SIGNED_OUT],
  response_types: ['none'],
  grant_types: [],
  token_endpoint_auth_method: 'none',
});
