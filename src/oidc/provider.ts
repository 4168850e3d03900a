import type { IncomingMessage } from 'node:http';
import type { JWK } from 'jose';
import { type ClientMetadata, type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { ACR_ALIASES, ACRS } from '../core/assurance.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Clients } from '../store/clients.ts';
import type { OidcPayload, OidcPayloads } from '../store/oidc-payloads.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import { clientAdapter, payloadAdapter, sessionAdapter } from './adapter.ts';
import { auditMiddleware } from './audit-middleware.ts';
import { loadExistingGrant } from './grants.ts';
import { dubbelslotPolicy, type JudgeSession } from './interaction-policy.ts';
import { PORTAL_CLIENT_ID, portalClient } from './portal-client.ts';

/** Seconds; NL GOV Assurance profile and ASVS 5.0, 10.4. */
export const INTERACTION_SECONDS = 1800;
const REFRESH_IDLE_SECONDS = 6 * 3600;
const REFRESH_ABSOLUTE_SECONDS = 24 * 3600;
const SESSION_IDLE_SECONDS = 3600;

/** The pages that the library shows by itself, drawn by us. */
export interface OidcPages {
  /** `form` is the library's, with its protection against forgery; it is submitted by a button outside of it. */
  signOut(request: IncomingMessage, page: { formId: string; form: string; client: string | undefined }): string;
  signedOut(request: IncomingMessage, page: { client: string | undefined }): string;
  error(request: IncomingMessage, page: { error: string; reference: string }): string;
}

export interface ProviderNeeds {
  readonly publicUrl: string;
  readonly isSecure: boolean;
  readonly cookieKeys: readonly string[];
  readonly keys: readonly JWK[];
  readonly accounts: Accounts;
  readonly clients: Clients;
  readonly payloads: OidcPayloads;
  readonly sessions: OpSessions;
  readonly pages: OidcPages;
  readonly judgeSession: JudgeSession;
  /** The name of the cookie of a remembered browser. */
  readonly rememberedCookie: string;
  readonly clock: Clock;
  readonly audit: (event: AuditEvent) => Promise<void>;
  /** What went wrong inside the protocol; `reference` is on the page that the person sees. */
  onError(error: Error & { error_detail?: string }, request: { reference: string; route: string | undefined }): void;
}

export function createProvider(n: ProviderNeeds): Provider {
  const findClient = async (id: string): Promise<OidcPayload | undefined> => {
    if (id === PORTAL_CLIENT_ID) return portalClient(n.publicUrl);
    if (id.includes('\0')) return undefined;
    const client = await n.clients.byId(id);
    if (!client || client.disabledAt) return undefined;
    return {
      ...client.metadata,
      client_id: client.id,
      client_name: client.name,
      // Only the digest is stored; `compareClientSecret` below compares with it. The library wants to see something.
      ...(client.hasSecret ? { client_secret: 'stored as a digest' } : {}),
    };
  };

  const configuration: Configuration = {
    adapter: (name: string) => {
      if (name === 'Client') return clientAdapter(findClient) as never;
      if (name === 'Session') return sessionAdapter(n.sessions, n.clock) as never;
      return payloadAdapter(name, n.payloads, n.clock) as never;
    },
    jwks: { keys: n.keys as never },
    cookies: {
      keys: [...n.cookieKeys],
      names: n.isSecure
        ? { session: '__Host-op', interaction: '__Secure-interaction', resume: '__Secure-resume' }
        : { session: 'op', interaction: 'interaction', resume: 'resume' },
      long: { httpOnly: true, sameSite: 'lax', path: '/' },
      short: { httpOnly: true, sameSite: 'lax' },
    },
    acrValues: [...ACRS, ...ACR_ALIASES],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name', 'locale'],
      sid: null,
      iss: null,
    },
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    responseTypes: ['code', 'none'],
    // S256 for everybody (RFC 9700, section 2.1.1); our own portal gets no code at all.
    pkce: { required: (_ctx, client) => client.clientId !== PORTAL_CLIENT_ID },
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
    routes: {
      authorization: '/oidc/auth',
      token: '/oidc/token',
      userinfo: '/oidc/userinfo',
      jwks: '/oidc/jwks',
      revocation: '/oidc/revoke',
      introspection: '/oidc/introspect',
      end_session: '/oidc/sign-out',
    },
    interactions: {
      policy: dubbelslotPolicy(n.judgeSession, n.rememberedCookie),
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
    },
    ttl: {
      AccessToken: 900,
      AuthorizationCode: 60,
      IdToken: 300,
      Interaction: INTERACTION_SECONDS,
      Session: SESSION_IDLE_SECONDS,
      Grant: REFRESH_ABSOLUTE_SECONDS + 3600,
      RefreshToken: (_ctx, token) =>
        Math.max(1, Math.min(REFRESH_IDLE_SECONDS, REFRESH_ABSOLUTE_SECONDS - token.totalLifetime())),
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    loadExistingGrant,
    findAccount: async (_ctx, sub) => {
      const account = await n.accounts.byId(sub);
      if (account?.status !== 'active') return undefined;
      return {
        accountId: account.id,
        claims: () => ({
          sub: account.id,
          email: account.email,
          email_verified: true,
          name: account.displayName,
          ...(account.locale ? { locale: account.locale } : {}),
        }),
      };
    },
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      pushedAuthorizationRequests: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = n.pages.signOut(ctx.req, { formId: 'op.logoutForm', form, client: ctx.oidc.client?.clientName });
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = n.pages.signedOut(ctx.req, { client: ctx.oidc.client?.clientName });
        },
      },
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = n.pages.error(ctx.req, { error: out.error, reference: referenceOf(ctx) });
    },
  };

  const provider = new Provider(n.publicUrl, configuration);
  // Safe because mount.ts writes Host and X-Forwarded-* itself before the library sees a request.
  provider.proxy = true;
  provider.use(auditMiddleware(n.audit) as never);
  (
    provider.Client.prototype as unknown as { compareClientSecret(secret: string): Promise<boolean> }
  ).compareClientSecret = function (this: ClientMetadata & { clientId: string }, secret: string) {
    return n.clients.isSecret(this.clientId, secret);
  };
  for (const event of [
    'server_error',
    'authorization.error',
    'grant.error',
    'userinfo.error',
    'end_session.error',
    'revocation.error',
  ]) {
    provider.on(event as 'server_error', (ctx, error) =>
      n.onError(error, { reference: referenceOf(ctx), route: (ctx.oidc as { route?: string }).route }),
    );
  }
  return provider;
}

const referenceOf = (ctx: KoaContextWithOIDC): string => ctx.get('x-request-reference') || 'none';
