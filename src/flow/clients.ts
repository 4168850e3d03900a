import type { Acr } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import { type Random, token256 } from '../core/random.ts';
import type { ClientMetadata, Clients } from '../store/clients.ts';
import type { Actor } from './administration.ts';
import type { Audit } from './audit.ts';

export interface ClientToAdd {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  /** Runs in a browser or on a phone and can keep no secret. */
  readonly isPublic?: boolean;
  readonly mayRefresh?: boolean;
  /** Asked at least, whatever the policy says; without it the policy alone decides. */
  readonly requiredAcr?: Acr;
  readonly idTokenAlgorithm?: 'ES256' | 'RS256';
}

export interface ClientRegistration {
  /** Why it cannot be registered, one sentence for each mistake; empty when it can. */
  problems(client: ClientToAdd): string[];
  /** Adds it, or replaces what has the same id. @returns the secret, shown this once; undefined for a public client */
  register(client: ClientToAdd, by: Actor): Promise<string | undefined>;
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

export function createClientRegistration(n: {
  clients: Clients;
  audit: Audit;
  clock: Clock;
  random: Random;
}): ClientRegistration {
  return {
    problems(client) {
      const problems: string[] = [];
      if (!/^[A-Za-z0-9._~-]{1,100}$/.test(client.id))
        problems.push('The id may hold letters, digits and . _ ~ - only.');
      if (!client.name.trim()) problems.push('The name is what people read: give one.');
      if (client.redirectUris.length === 0) problems.push('Give at least one redirect address.');
      for (const uri of [...client.redirectUris, ...(client.postLogoutRedirectUris ?? [])]) {
        const problem = addressProblem(uri);
        if (problem) problems.push(`${uri}: ${problem}`);
      }
      return problems;
    },
    async register(client, by) {
      const secret = client.isPublic ? undefined : token256(n.random);
      const metadata: ClientMetadata = {
        redirect_uris: client.redirectUris,
        post_logout_redirect_uris: client.postLogoutRedirectUris ?? [],
        grant_types: client.mayRefresh ? ['authorization_code', 'refresh_token'] : ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: client.isPublic ? 'none' : 'client_secret_basic',
        id_token_signed_response_alg: client.idTokenAlgorithm ?? 'ES256',
        // `native` is how the library lets a web app on this very machine use plain http, as in a trial.
        application_type: client.redirectUris.some((uri) => uri.startsWith('http:')) ? 'native' : 'web',
      };
      await n.clients.put(
        { id: client.id, name: client.name.trim(), metadata, requiredAcr: client.requiredAcr ?? null },
        secret,
        n.clock.now(),
      );
      await n.audit({
        action: 'client.registered',
        object: `client:${client.id}`,
        result: 'success',
        ...by,
        detail: { name: client.name, redirectUris: client.redirectUris, requiredAcr: client.requiredAcr ?? null },
      });
      return secret;
    },
  };
}

function addressProblem(uri: string): string | undefined {
  if (!URL.canParse(uri)) return 'this is not an address.';
  const url = new URL(uri);
  if (url.hash) return 'an address may have no fragment (#).';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) return undefined;
  return 'an address must start with https, except on localhost.';
}
