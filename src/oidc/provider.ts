import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { type ClientMetadata, type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { ACR_ALIASES, ACRS } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import { SIGNING_ALGORITHMS } from '../core/signing.ts';
import type { Audit } from '../flow/audit.ts';
import type { Accounts } from '../store/accounts.ts';
import type { NewClientCall } from '../store/client-calls.ts';
import type { Clients } from '../store/clients.ts';
import type { OidcPayload, OidcPayloads } from '../store/oidc-payloads.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { Signers } from '../store/signers.ts';
import type { Throttle } from '../store/throttle.ts';
import { clientAdapter, payloadAdapter, sessionAdapter } from './adapter.ts';
import { auditMiddleware } from './audit-middleware.ts';
import { CLAIMS, createFindAccount, createPairwiseIdentifier, extraTokenClaims } from './claims.ts';
import { OUR_PARAMETER, ourClient, toMetadata } from './client-metadata.ts';
import { DEVICE_PATH, deviceForm } from './device-form.ts';
import { features } from './features.ts';
import { loadExistingGrant } from './grants.ts';
import { flushPuts } from './in-progress.ts';
import { dubbelslotPolicy, type JudgeSession } from './interaction-policy.ts';
import { ttl } from './lifetimes.ts';
import { type CallingClient, originals } from './original-calls.ts';
import type { OidcPages } from './pages.ts';
import { pollInterval } from './poll-interval.ts';
import { PORTAL_CLIENT_ID, portalClient } from './portal-client.ts';

export interface ProviderNeeds {
  readonly publicUrl: string;
  readonly isSecure: boolean;
  /** Signs the library's cookies, as Keygrip would. */
  readonly cookieSigner: object;
  /** Shared by all instances: 32 bytes. */
  readonly dpopNonceSecret: Buffer;
  readonly pairwiseKey: KeyObject;
  readonly accounts: Accounts;
  readonly signers: Signers;
  readonly clients: Clients;
  readonly payloads: OidcPayloads;
  readonly sessions: OpSessions;
  readonly throttle: Throttle;
  readonly pages: OidcPages;
  readonly judgeSession: JudgeSession;
  /** The name of the cookie of a remembered browser. */
  readonly rememberedCookie: string;
  /** A proxy hands client certificates over. */
  readonly hasClientCertificates: boolean;
  readonly ciba: NonNullable<NonNullable<Configuration['features']>['ciba']>;
  settleApproval(requestId: string): Promise<void>;
  /** Calls a web app: keys, logout, notifications. Refuses private addresses that are not on the list. */
  readonly fetch: typeof fetch;
  /** Owes a web app a call, to be made when this request is over, again and again until it arrives. */
  oweCall(call: NewClientCall): Promise<void>;
  readonly clock: Clock;
  readonly audit: Audit;
  /** What went wrong inside the protocol. */
  onError(error: ProtocolError, request: FailedRequest): void;
}

export type ProtocolError = Error & { error?: string; error_description?: string; error_detail?: string };

export interface FailedRequest {
  /** It is on the page that the person sees. */
  readonly reference: string;
  readonly route: string | undefined;
  readonly clientId: string | undefined;
  /** What the app sent, where that went wrong. */
  readonly redirectUri: string | undefined;
}

/** @param keys private ones, of each algorithm first the one that signs */
export function createProvider(n: ProviderNeeds, keys: readonly JWK[]): Provider {
  const findClient = async (id: string): Promise<OidcPayload | undefined> => {
    if (id === PORTAL_CLIENT_ID) return portalClient(n.publicUrl);
    const client = await n.clients.byId(id);
    // A Microsoft Entra tenant speaks to oidc/entra.ts and to nothing else.
    return client && !client.disabledAt && client.profile !== 'entra' ? toMetadata(client) : undefined;
  };
  // What is announced can be signed with; a secret of which we keep a digest verifies nothing (no HS256).
  const signing = [...new Set(keys.map(({ alg }) => alg as 'ES256'))];

  const cookieNames = n.isSecure
    ? { session: '__Host-op', interaction: '__Secure-interaction', resume: '__Secure-resume' }
    : { session: 'op', interaction: 'interaction', resume: 'resume' };

  const configuration: Configuration = {
    adapter: (name: string) => {
      if (name === 'Client') return clientAdapter(findClient) as never;
      if (name === 'Session') return sessionAdapter(n.sessions, n.payloads, n.clock) as never;
      return payloadAdapter(name, n) as never;
    },
    jwks: { keys: keys as never },
    cookies: {
      keys: n.cookieSigner as never,
      names: cookieNames,
      long: { httpOnly: true, sameSite: 'lax', path: '/' },
      short: { httpOnly: true, sameSite: 'lax' },
    },
    acrValues: [...ACRS, ...ACR_ALIASES],
    claims: CLAIMS as never,
    scopes: ['openid', 'offline_access'],
    subjectTypes: ['public', 'pairwise'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    extraClientMetadata: { properties: [OUR_PARAMETER] },
    clientAuthMethods: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      ...(n.hasClientCertificates ? (['tls_client_auth'] as const) : []),
    ],
    responseTypes: ['code', 'none'],
    // S256 for everybody (RFC 9700, section 2.1.1); our own portal gets no code at all.
    pkce: { required: (_ctx, client) => client.clientId !== PORTAL_CLIENT_ID },
    allowOmittingSingleRegisteredRedirectUri: false,
    enabledJWA: {
      idTokenSigningAlgValues: signing,
      userinfoSigningAlgValues: signing,
      clientAuthSigningAlgValues: [...SIGNING_ALGORITHMS],
      requestObjectSigningAlgValues: [...SIGNING_ALGORITHMS],
      dPoPSigningAlgValues: ['ES256', 'PS256', 'EdDSA'],
    },
    routes: {
      authorization: '/oidc/auth',
      token: '/oidc/token',
      userinfo: '/oidc/userinfo',
      jwks: '/oidc/jwks',
      revocation: '/oidc/revoke',
      introspection: '/oidc/introspect',
      end_session: '/oidc/sign-out',
      pushed_authorization_request: '/oidc/par',
      device_authorization: '/oidc/device/authorize',
      code_verification: DEVICE_PATH,
      backchannel_authentication: '/oidc/ciba',
    },
    // An app in a browser may ask from where it may be sent back to.
    clientBasedCORS: (ctx, origin, client) =>
      (client.clientAuthMethod === 'none' || ctx.oidc.route === 'userinfo') &&
      (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin && origin !== 'null'),
    interactions: {
      policy: dubbelslotPolicy(n.judgeSession, n.rememberedCookie),
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
    },
    ttl,
    // Nothing outlives the session that it was given in: signing out ends it.
    expiresWithSession: async () => true,
    // What was approved was approved once.
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && !(source as { rar?: unknown }).rar,
    // FAPI 2.0 Security Profile, section 5.3.2.1: bound to a key, a refresh token is not rotated.
    rotateRefreshToken: (ctx) => ourClient(ctx.oidc.client).profile !== 'fapi2',
    loadExistingGrant,
    findAccount: createFindAccount(n.signers),
    extraTokenClaims,
    pairwiseIdentifier: createPairwiseIdentifier(n.pairwiseKey) as never,
    fetch: n.fetch,
    features: features(n),
    renderError: (ctx, out, error) => {
      ctx.type = 'html';
      ctx.body = n.pages.error(ctx.req, {
        error: out.error,
        name: error.name,
        client: ctx.oidc?.client?.clientName,
        reference: referenceOf(ctx),
      });
    },
  };

  const provider = new Provider(n.publicUrl, configuration);
  // Safe because mount.ts writes Host and X-Forwarded-* itself before the library sees a request.
  provider.proxy = true;
  provider.use(flushPuts(n.payloads) as never);
  provider.use(auditMiddleware(provider, n) as never);
  provider.on('error' as 'server_error', (error: unknown) =>
    n.onError(error as ProtocolError, {
      reference: 'none',
      route: undefined,
      clientId: undefined,
      redirectUri: undefined,
    }),
  );
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.status === 404 && ctx.body == null) {
      ctx.type = 'html';
      ctx.body = n.pages.notFound(ctx.req);
      ctx.status = 404;
    }
  });
  provider.use(pollInterval as never);
  provider.use(deviceForm(cookieNames.session) as never);
  takeOver(provider, n);
  for (const event of ERROR_EVENTS) {
    provider.on(event as 'server_error', (ctx, error) => {
      const { oidc } = ctx as { oidc?: Partial<KoaContextWithOIDC['oidc']> & { route?: string } };
      const redirectUri = oidc?.params?.redirect_uri;
      n.onError(error, {
        reference: referenceOf(ctx),
        route: oidc?.route,
        clientId: oidc?.client?.clientId,
        redirectUri: typeof redirectUri === 'string' ? redirectUri : undefined,
      });
    });
  }
  return provider;
}

type Self = ClientMetadata & { clientId: string };

/** What the library would do by itself and we do elsewhere. */
function takeOver(provider: Provider, n: ProviderNeeds): void {
  const prototype = provider.Client.prototype as unknown as CallingClient & {
    compareClientSecret(secret: string): Promise<boolean>;
  };
  originals.set(provider, {
    backchannelLogout: prototype.backchannelLogout,
    backchannelPing: prototype.backchannelPing,
  });
  prototype.compareClientSecret = function (this: Self, secret) {
    return n.clients.isSecret(this.clientId, secret, n.clock.now());
  };
  // The library calls while the person waits, once.
  prototype.backchannelLogout = function (this: Self, accountId, sid) {
    return n.oweCall({ kind: 'logout', clientId: this.clientId, accountId, sid, requestId: null });
  };
  prototype.backchannelPing = function (this: Self, { jti, accountId }) {
    return n.oweCall({ kind: 'ping', clientId: this.clientId, accountId, sid: null, requestId: jti });
  };
}

const ERROR_EVENTS = [
  'server_error',
  'authorization.error',
  'grant.error',
  'userinfo.error',
  'introspection.error',
  'revocation.error',
  'pushed_authorization_request.error',
  'device_authorization.error',
  'code_verification.error',
  'device_resume.error',
  'backchannel_authentication.error',
  'end_session.error',
  'end_session_confirm.error',
];

const referenceOf = (ctx: KoaContextWithOIDC): string => ctx.get('x-request-reference') || 'none';
