import type { AuditAction } from '../core/audit-actions.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { type Mistake, type MistakeName, mistake } from '../core/mistakes.ts';
import { PERMISSIONS } from '../core/permissions.ts';
import { type Random, token256 } from '../core/random.ts';
import type { Client, ClientProfile, Clients, NewClient } from '../store/clients.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import { type ClientWishes, changedClient, needsSecret, newClient } from './client-profiles.ts';

export interface ClientToAdd extends ClientWishes {
  readonly id: string;
  readonly profile?: ClientProfile | undefined;
}

/** A registration that was refused, with every mistake. */
export type Registered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** How long the old secret works on after a rotation. Seconds. */
export const OLD_SECRET_SECONDS = 24 * 3600;

export interface ClientRegistration {
  /** Adds it, or replaces what has the same id. @returns the secret, shown this once, where there is one */
  register(client: ClientToAdd, by: Actor): Promise<Registered<string | undefined>>;
  /**
   * Changes what is mentioned and nothing else. A client that now needs a secret gets one.
   * @param version where it must not have changed since it was read
   */
  change(id: string, wishes: ClientWishes, by: Actor, version?: number): Promise<Registered<string | undefined>>;
  /** @returns the new secret, shown this once; the old one works for `keepSeconds` more */
  rotateSecret(id: string, by: Actor, keepSeconds?: number): Promise<Registered<string>>;
  /** A disabled client gets no tokens and its tokens are refused. */
  setDisabled(id: string, isDisabled: boolean, by: Actor): Promise<Registered<void>>;
}

export interface ClientRegistrationNeeds {
  clients: Clients;
  /** What OpenID Connect has against it, in a sentence. Makes a signing key where it wants one that is not there. */
  checkMetadata(client: NewClient): Promise<string | undefined>;
  audit: Audit;
  clock: Clock;
  random: Random;
  /** The name of our own API. */
  apiResource: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

export function createClientRegistration(n: ClientRegistrationNeeds): ClientRegistration {
  const mistakesIn = async (client: NewClient): Promise<Mistake[]> => {
    const { settings, metadata, profile } = client;
    const found = addressMistakes(client);
    const say = (...all: Parameters<typeof mistake>): void => void found.push(mistake(...all));
    if (!/^[A-Za-z0-9._~-]{1,100}$/.test(client.id)) say('client_id', {}, 'id');
    // RFC 9700, section 4.15: in a token for itself, its id is the subject.
    if (UUID.test(client.id)) say('client_id_uuid', {}, 'id');
    if (!/^[^\p{Cc}]{1,100}$/u.test(client.name)) say('client_name', {}, 'name');
    if (metadata.response_types.length > 0 && metadata.redirect_uris.length === 0)
      say('redirect_missing', {}, 'redirectUris');
    for (const { uri, scopes } of settings.resources ?? []) {
      if (!isAbsolute(uri)) say('resource_not_absolute', { uri }, 'resources');
      const unknown = scopes.filter((scope) => !PERMISSIONS.some((each) => each === scope));
      if (uri === n.apiResource && unknown.length > 0)
        say('scope_unknown', { scopes: unknown.join(', '), known: PERMISSIONS.join(', ') }, 'resources');
    }
    for (const [name, seconds] of Object.entries(settings.lifetimes ?? {}))
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400) say('lifetime', { name }, 'lifetimes');
    const { token_endpoint_auth_method: method, jwks, jwks_uri, tls_client_auth_subject_dn: subject } = metadata;
    if (method === 'private_key_jwt' && !jwks && !jwks_uri) say('keys_missing', {}, 'jwks');
    if (keysOf(jwks).some(isSecretKey)) say('keys_secret', {}, 'jwks');
    if (method === 'tls_client_auth' && !subject) say('certificate_missing', {}, 'tlsSubject');
    if (profile === 'entra' && !settings.entra) say('tenant_missing', {}, 'entra');
    const problem = found.length > 0 || profile === 'entra' ? undefined : await n.checkMetadata(client);
    return problem ? [mistake('protocol', { problem })] : found;
  };

  const record = (action: AuditAction, client: NewClient, by: Actor): Promise<void> =>
    n.audit({
      action,
      object: `client:${client.id}`,
      result: 'success',
      ...doneBy(by),
      detail: {
        name: client.name,
        profile: client.profile,
        metadata: client.metadata,
        settings: client.settings,
        requiredAcr: client.requiredAcr,
      },
    });

  const stored = async (id: string): Promise<Registered<Client>> => {
    const client = await n.clients.byId(id);
    return client ? { ok: true, value: client } : { ok: false, mistakes: [mistake('client_unknown', { id })] };
  };

  return {
    async register({ id, profile = 'web', ...wishes }, by) {
      const client = newClient(id, profile, wishes);
      const mistakes = await mistakesIn(client);
      if (mistakes.length > 0) return { ok: false, mistakes };
      const secret = needsSecret(client) ? token256(n.random) : undefined;
      await n.clients.put(client, secret, n.clock.now());
      await record('client.registered', client, by);
      return { ok: true, value: secret };
    },

    async change(id, wishes, by, version) {
      const found = await stored(id);
      if (!found.ok) return found;
      const client = changedClient(found.value, wishes);
      const mistakes = await mistakesIn(client);
      if (mistakes.length > 0) return { ok: false, mistakes };
      const now = n.clock.now();
      if (!(await n.clients.change(client, now, version)))
        return { ok: false, mistakes: [mistake('changed_meanwhile')] };
      await record('client.changed', client, by);
      if (!needsSecret(client)) {
        await n.clients.removeSecrets(id);
        return { ok: true, value: undefined };
      }
      if (found.value.secrets.length > 0) return { ok: true, value: undefined };
      const secret = token256(n.random);
      await n.clients.addSecret(id, secret, now, now);
      return { ok: true, value: secret };
    },

    async rotateSecret(id, by, keepSeconds = OLD_SECRET_SECONDS) {
      const found = await stored(id);
      if (!found.ok) return found;
      if (!needsSecret(found.value)) return { ok: false, mistakes: [mistake('no_secret', { id })] };
      const now = n.clock.now();
      const secret = token256(n.random);
      const oldUntil = addSeconds(now, keepSeconds);
      await n.clients.addSecret(id, secret, now, oldUntil);
      await n.audit({
        action: 'client.secret_rotated',
        object: `client:${id}`,
        result: 'success',
        ...doneBy(by),
        detail: { oldUntil },
      });
      return { ok: true, value: secret };
    },

    async setDisabled(id, isDisabled, by) {
      const found = await stored(id);
      if (!found.ok) return found;
      const now = n.clock.now();
      await n.clients.setDisabled(id, isDisabled ? now : null, now);
      await n.audit({
        action: isDisabled ? 'client.disabled' : 'client.enabled',
        object: `client:${id}`,
        result: 'success',
        ...doneBy(by),
      });
      return { ok: true, value: undefined };
    },
  };
}

/** Of a private key or a shared one nothing but the public part leaves its owner (RFC 7518, section 6). */
const keysOf = (jwks: unknown): readonly object[] => (jwks as { keys?: object[] } | undefined)?.keys ?? [];
const isSecretKey = (key: object): boolean => 'd' in key || 'k' in key;

const isAbsolute = (uri: string): boolean => URL.canParse(uri) && !uri.includes('#');

function addressMistakes({ profile, metadata, settings }: NewClient): Mistake[] {
  const isApp = profile === 'app';
  const given = {
    redirectUris: metadata.redirect_uris,
    postLogoutRedirectUris: metadata.post_logout_redirect_uris ?? [],
    logoutUri: [metadata.backchannel_logout_uri],
    jwksUri: [metadata.jwks_uri],
    startUri: [settings.startUri],
  };
  return Object.entries(given).flatMap(([field, uris]) =>
    uris
      .filter((uri) => typeof uri === 'string')
      .flatMap((uri) => {
        const name = addressMistake(uri, isApp && field.endsWith('Uris'));
        return name ? [mistake(name, { uri }, field)] : [];
      }),
  );
}

/** @param mayBeOwnScheme an app on a phone may have an address like `nl.example.app:/callback` (RFC 8252, section 7.1) */
function addressMistake(uri: string, mayBeOwnScheme: boolean): MistakeName | undefined {
  if (!URL.canParse(uri)) return 'address_unreadable';
  const url = new URL(uri);
  if (uri.includes('#')) return 'address_fragment';
  if (uri.includes('*')) return 'address_wildcard';
  if (url.username || url.password) return 'address_user';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) return undefined;
  if (mayBeOwnScheme && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)) return undefined;
  return 'address_not_https';
}
