import type { Acr } from '../core/assurance.ts';
import type { SigningAlgorithm } from '../core/signing.ts';
import type {
  Client,
  ClientMetadata,
  ClientProfile,
  ClientResource,
  ClientSettings,
  EntraTenant,
  NewClient,
} from '../store/clients.ts';

/** What a registration can say, in our words; what it leaves out is as the profile has it. */
export interface ClientWishes {
  readonly name?: string | undefined;
  readonly redirectUris?: readonly string[] | undefined;
  readonly postLogoutRedirectUris?: readonly string[] | undefined;
  /** Where it is told that a session ended (OpenID Connect Back-Channel Logout). */
  readonly logoutUri?: string | undefined;
  /** Where a person begins in it. */
  readonly startUri?: string | undefined;
  /** What it may do beside signing people in. */
  readonly grants?: readonly ClientGrant[] | undefined;
  readonly authentication?: ClientMetadata['token_endpoint_auth_method'] | undefined;
  /** Its public keys (RFC 7517), or where they are. */
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
  readonly jwksUri?: string | undefined;
  /** Subject of its TLS certificate (RFC 8705, section 2.1.2), as in RFC 4514. */
  readonly tlsSubject?: string | undefined;
  /** Asked at least, whatever the policy says; null: the policy alone decides. */
  readonly requiredAcr?: Acr | null | undefined;
  readonly idTokenAlgorithm?: SigningAlgorithm | undefined;
  readonly userinfoAlgorithm?: SigningAlgorithm | undefined;
  /** What it may ask for: `email`, `profile`, `groups`; `openid` always. */
  readonly scopes?: readonly string[] | undefined;
  readonly isPairwise?: boolean | undefined;
  /** Requests must be pushed first (RFC 9126), be signed (RFC 9101), be bound to a key (RFC 9449). */
  readonly mustPush?: boolean | undefined;
  readonly mustSign?: boolean | undefined;
  readonly isDpopBound?: boolean | undefined;
  /** Where it is told that an approval was answered (CIBA ping); without it, it asks (poll). */
  readonly pingUri?: string | undefined;
  readonly hidesAmr?: boolean | undefined;
  readonly groups?: ClientSettings['groups'] | undefined;
  readonly lifetimes?: ClientSettings['lifetimes'] | undefined;
  readonly resources?: ClientSettings['resources'] | undefined;
  readonly serves?: readonly string[] | undefined;
  readonly entra?: EntraTenant | undefined;
}

export type ClientGrant = 'refresh' | 'client-credentials' | 'device' | 'ciba';

/** The names in OAuth (RFC 6749, RFC 8628, CIBA Core). */
const GRANT_TYPES: Readonly<Record<ClientGrant, string>> = {
  refresh: 'refresh_token',
  'client-credentials': 'client_credentials',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
  ciba: 'urn:openid:params:grant-type:ciba',
};
export const CLIENT_GRANTS = Object.keys(GRANT_TYPES) as ClientGrant[];

const OTHER_WAYS = [GRANT_TYPES.device, GRANT_TYPES.ciba, GRANT_TYPES['client-credentials']];

const SIX_HOURS = 6 * 3600;
const DEFAULT_SCOPES = ['email', 'profile'];

interface Profile {
  readonly metadata: Partial<ClientMetadata>;
  readonly settings: ClientSettings;
  readonly wishes: ClientWishes;
}

const PROFILES: Readonly<Record<ClientProfile, Profile>> = {
  web: { metadata: {}, settings: {}, wishes: { authentication: 'client_secret_basic' } },
  // In a browser or on a phone nothing can be kept secret.
  app: { metadata: {}, settings: {}, wishes: { authentication: 'none' } },
  machine: {
    metadata: {},
    settings: {},
    wishes: { authentication: 'client_secret_basic', grants: ['client-credentials'], scopes: [] },
  },
  // NL GOV Assurance profile for OpenID Connect and for OAuth 2.0 (Forum Standaardisatie).
  nl_gov: {
    metadata: {},
    settings: { hidesAmr: true, lifetimes: { idToken: 300, refreshIdle: SIX_HOURS, refreshAbsolute: SIX_HOURS } },
    wishes: {
      authentication: 'private_key_jwt',
      idTokenAlgorithm: 'RS256',
      userinfoAlgorithm: 'RS256',
      isPairwise: true,
    },
  },
  // FAPI 2.0 Security Profile, section 5.3.2.
  fapi2: {
    metadata: {},
    settings: {},
    wishes: {
      authentication: 'private_key_jwt',
      idTokenAlgorithm: 'PS256',
      mustPush: true,
      isDpopBound: true,
    },
  },
  // Not an OpenID Connect client of ours at all: oidc/entra.ts answers it.
  entra: {
    metadata: { grant_types: [] },
    settings: {},
    wishes: { authentication: 'none', idTokenAlgorithm: 'RS256', scopes: [] },
  },
};

export const CLIENT_PROFILES = Object.keys(PROFILES) as ClientProfile[];

/** A new registration: the profile's, with what is wished on top. */
export function newClient(id: string, profile: ClientProfile, wishes: ClientWishes): NewClient {
  const { metadata, settings, wishes: usual } = PROFILES[profile];
  const blank: NewClient = {
    id,
    name: id,
    profile,
    metadata: {
      redirect_uris: [],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: scopeOf(DEFAULT_SCOPES),
      id_token_signed_response_alg: 'ES256',
      ...metadata,
    },
    settings,
    requiredAcr: null,
  };
  return changedClient(changedClient(blank, usual), wishes);
}

/**
 * Reads `https://api.example.nl=read,write`; without scopes, a token that only names the API.
 * @param before how such tokens look stays as it is in these
 */
export function resourceFrom(text: string, before: readonly ClientResource[] = []): ClientResource {
  const at = text.lastIndexOf('=');
  const uri = (at < 0 ? text : text.slice(0, at)).trim();
  const scopes = at < 0 ? [] : text.slice(at + 1).split(/[\s,]+/);
  const format = before.find((each) => each.uri === uri)?.format ?? 'jwt';
  return { uri, scopes: scopes.filter(Boolean), format };
}

/** A registration with what is wished on top; what is not mentioned stays as it is. */
export function changedClient(client: NewClient | Client, wishes: ClientWishes): NewClient {
  const w = { ...wishes };
  const { metadata } = client;
  const grantTypes = w.grants && [
    ...metadata.grant_types.filter((type) => !Object.values(GRANT_TYPES).includes(type)),
    ...w.grants.map((grant) => GRANT_TYPES[grant]),
  ];
  const redirectUris = w.redirectUris ?? metadata.redirect_uris;
  const allGrants = grantTypes ?? metadata.grant_types;
  const usesCiba = allGrants.includes(GRANT_TYPES.ciba);
  // Without an address to come back to, people can sign in through a device or an approval only.
  const isElsewhere = redirectUris.length === 0 && allGrants.some((type) => OTHER_WAYS.includes(type));
  const changes = {
    redirect_uris: redirectUris,
    response_types: client.profile === 'entra' || isElsewhere ? [] : ['code'],
    // `native` lets an app have an address of its own scheme, and a web app on this very machine plain http.
    application_type: redirectUris.some((uri) => !uri.startsWith('https:')) ? ('native' as const) : ('web' as const),
    post_logout_redirect_uris: w.postLogoutRedirectUris,
    backchannel_logout_uri: w.logoutUri,
    backchannel_logout_session_required: w.logoutUri === undefined ? undefined : true,
    grant_types: grantTypes,
    token_endpoint_auth_method: w.authentication,
    jwks: w.jwks,
    jwks_uri: w.jwksUri,
    tls_client_auth_subject_dn: w.tlsSubject,
    id_token_signed_response_alg: w.idTokenAlgorithm,
    userinfo_signed_response_alg: w.userinfoAlgorithm,
    scope: w.scopes && scopeOf(w.scopes),
    subject_type: w.isPairwise === undefined ? undefined : w.isPairwise ? 'pairwise' : 'public',
    require_pushed_authorization_requests: w.mustPush,
    require_signed_request_object: w.mustSign,
    dpop_bound_access_tokens: w.isDpopBound,
    ...(w.pingUri || usesCiba
      ? {
          backchannel_token_delivery_mode:
            w.pingUri || metadata.backchannel_client_notification_endpoint ? 'ping' : 'poll',
          backchannel_client_notification_endpoint: w.pingUri,
        }
      : {}),
  };
  const { startUri, hidesAmr, groups, lifetimes, resources, serves, entra } = w;
  const settings = { startUri, hidesAmr, groups, lifetimes, resources, serves, entra };
  return {
    id: client.id,
    name: w.name?.trim() || client.name,
    profile: client.profile,
    metadata: withoutEmpty({ ...metadata, ...given(changes) }),
    settings: withoutEmpty({ ...client.settings, ...given(settings) }),
    requiredAcr: w.requiredAcr === undefined ? client.requiredAcr : w.requiredAcr,
  };
}

const scopeOf = (scopes: readonly string[]): string => [...new Set(['openid', ...scopes])].join(' ');

/** An empty text takes something away. */
const withoutEmpty = <T extends object>(values: T): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) as T;

/** Without what was not given. */
function given<T extends object>(values: T): { [Key in keyof T]: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Whether it proves itself with a secret that we made. */
export const needsSecret = ({ metadata }: Pick<NewClient, 'metadata'>): boolean =>
  metadata.token_endpoint_auth_method.startsWith('client_secret_');
