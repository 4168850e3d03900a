import { addSeconds, type Clock } from '../core/clock.ts';
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

/** A registration that was refused: one sentence for each mistake. */
export type Registered<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly string[] };

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

/** Somebody else was first. */
export const CHANGED_MEANWHILE = 'The web app was changed meanwhile: read it again.';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

export function createClientRegistration(n: ClientRegistrationNeeds): ClientRegistration {
  const problemsOf = async (client: NewClient): Promise<string[]> => {
    const problems = addressProblems(client);
    if (!/^[A-Za-z0-9._~-]{1,100}$/.test(client.id)) problems.push('The id may hold letters, digits and . _ ~ - only.');
    if (!/^[^\p{Cc}]{1,100}$/u.test(client.name))
      problems.push('The name is what people read: 1 to 100 characters on one line.');
    // RFC 9700, section 4.15: in a token for itself, its id is the subject.
    if (UUID.test(client.id)) problems.push('The id may not look like an account’s: choose a name.');
    const { settings, metadata, profile } = client;
    if (metadata.response_types.length > 0 && metadata.redirect_uris.length === 0)
      problems.push('Give at least one redirect address.');
    for (const { uri, scopes } of settings.resources ?? []) {
      if (!isAbsolute(uri)) problems.push(`${uri}: the name of an API is an absolute address without a fragment (#).`);
      const unknown = scopes.filter((scope) => !PERMISSIONS.some((each) => each === scope));
      if (uri === n.apiResource && unknown.length > 0)
        problems.push(`${unknown.join(', ')}: our API has no such scope. It has: ${PERMISSIONS.join(', ')}.`);
    }
    for (const [name, seconds] of Object.entries(settings.lifetimes ?? {}))
      if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400)
        problems.push(
          `${name}: a lifetime is a whole number of seconds, at most a day, as long as a session may live.`,
        );
    const { token_endpoint_auth_method: method, jwks, jwks_uri, tls_client_auth_subject_dn: subject } = metadata;
    if (method === 'private_key_jwt' && !jwks && !jwks_uri)
      problems.push(
        'It proves itself with a key: give its public keys (--jwks <file>), or their address (--jwks-url).',
      );
    if (method === 'tls_client_auth' && !subject)
      problems.push('It proves itself with a certificate: give the subject of that (--tls-subject).');
    if (profile === 'entra' && !settings.entra)
      problems.push('Give the tenant and the application of Microsoft Entra (--entra-tenant, --entra-app).');
    const problem = problems.length > 0 || profile === 'entra' ? undefined : await n.checkMetadata(client);
    return problem ? [...problems, problem] : problems;
  };

  const record = (action: string, client: NewClient, by: Actor): Promise<void> =>
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
    return client ? { ok: true, value: client } : { ok: false, problems: [`There is no web app “${id}”.`] };
  };

  return {
    async register({ id, profile = 'web', ...wishes }, by) {
      const client = newClient(id, profile, wishes);
      const problems = await problemsOf(client);
      if (problems.length > 0) return { ok: false, problems };
      const secret = needsSecret(client) ? token256(n.random) : undefined;
      await n.clients.put(client, secret, n.clock.now());
      await record('client.registered', client, by);
      return { ok: true, value: secret };
    },

    async change(id, wishes, by, version) {
      const found = await stored(id);
      if (!found.ok) return found;
      const client = changedClient(found.value, wishes);
      const problems = await problemsOf(client);
      if (problems.length > 0) return { ok: false, problems };
      const now = n.clock.now();
      if (!(await n.clients.change(client, now, version))) return { ok: false, problems: [CHANGED_MEANWHILE] };
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
      if (!needsSecret(found.value))
        return { ok: false, problems: [`The web app “${id}” proves itself without a secret.`] };
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

const isAbsolute = (uri: string): boolean => URL.canParse(uri) && !uri.includes('#');

function addressProblems({ profile, metadata, settings }: NewClient): string[] {
  const back = [...metadata.redirect_uris, ...(metadata.post_logout_redirect_uris ?? [])];
  const called = [metadata.backchannel_logout_uri, metadata.jwks_uri, settings.startUri].filter(
    (uri) => typeof uri === 'string',
  );
  return [
    ...back.map((uri) => ({ uri, problem: addressProblem(uri, profile === 'app') })),
    ...called.map((uri) => ({ uri, problem: addressProblem(uri, false) })),
  ]
    .filter(({ problem }) => problem !== undefined)
    .map(({ uri, problem }) => `${uri}: ${problem}`);
}

/** @param mayBeOwnScheme an app on a phone may have an address like `nl.example.app:/callback` (RFC 8252, section 7.1) */
function addressProblem(uri: string, mayBeOwnScheme: boolean): string | undefined {
  if (!URL.canParse(uri)) return 'this is not an address.';
  const url = new URL(uri);
  if (uri.includes('#')) return 'an address may have no fragment (#).';
  if (uri.includes('*')) return 'an address is compared character by character: no wildcards (*).';
  if (url.username || url.password) return 'an address may hold no name or password.';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) return undefined;
  if (mayBeOwnScheme && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)) return undefined;
  return 'an address must start with https, except on localhost.';
}
