import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { ClientSettings } from '../store/clients.ts';
import { ourClient } from './client-metadata.ts';

/** Seconds; NL GOV Assurance profile, ASVS 5.0, 10.4, RFC 9700. A client may have its own (`ClientSettings`). */
export const INTERACTION_SECONDS = 1800;
const DEFAULTS = { accessToken: 900, idToken: 300, refreshIdle: 6 * 3600, refreshAbsolute: 24 * 3600 } as const;
const SESSION_IDLE_SECONDS = 3600;
const DEVICE_SECONDS = 600;
const PUSHED_REQUEST_SECONDS = 60;

type Lifetime = keyof typeof DEFAULTS;

const lifetimeOf = (settings: ClientSettings, which: Lifetime): number =>
  settings.lifetimes?.[which] ?? DEFAULTS[which];

type Context = KoaContextWithOIDC | undefined;

export const ttl: NonNullable<Configuration['ttl']> = {
  AccessToken: (_ctx, _token, client) => lifetimeOf(ourClient(client).settings, 'accessToken'),
  ClientCredentials: (_ctx, _token, client) => lifetimeOf(ourClient(client).settings, 'accessToken'),
  IdToken: (_ctx, _token, client) => lifetimeOf(ourClient(client).settings, 'idToken'),
  AuthorizationCode: 60,
  Interaction: INTERACTION_SECONDS,
  Session: SESSION_IDLE_SECONDS,
  DeviceCode: DEVICE_SECONDS,
  PushedAuthorizationRequest: PUSHED_REQUEST_SECONDS,
  BackchannelAuthenticationRequest: (ctx: Context) => {
    const asked = Number(ctx?.oidc.params?.requested_expiry ?? APPROVAL_SECONDS);
    return Math.max(1, Math.min(APPROVAL_SECONDS, asked));
  },
  // As long as anything that was given on it may live.
  Grant: (ctx: Context) => lifetimeOf(ourClient(ctx?.oidc.client).settings, 'refreshAbsolute') + 3600,
  RefreshToken: (_ctx, token, client) => {
    const { settings } = ourClient(client);
    const left = lifetimeOf(settings, 'refreshAbsolute') - token.totalLifetime();
    return Math.max(1, Math.min(lifetimeOf(settings, 'refreshIdle'), left));
  },
};

/** As long as a challenge is shown (authenticators/push/challenge.ts), and a little to fetch the answer. */
const APPROVAL_SECONDS = 180;
