import { errors, type Provider } from 'oidc-provider';
import type { Clock } from '../core/clock.ts';
import { SIGNING_ALGORITHMS } from '../core/signing.ts';
import type { NewClient } from '../store/clients.ts';
import type { Signals } from '../store/signals.ts';
import type { PublishedKey, SigningKeys } from '../store/signing-keys.ts';
import { toMetadata } from './client-metadata.ts';
import { createProvider, type ProviderNeeds } from './provider.ts';

/** The library takes its keys once: for other keys there is another provider, over the same database. */
export interface LiveProvider {
  /** Ask again for each request. */
  current(): Provider;
  /** The keys that are published now, of each algorithm first the one that signs. */
  keys(): readonly PublishedKey[];
  /** Reads the keys, and changes over where they are others than before. */
  refreshKeys(): Promise<void>;
  /** What the library has against a registration. */
  check(client: NewClient): Promise<string | undefined>;
  close(): void;
}

export async function createLiveProvider(
  n: ProviderNeeds & { signingKeys: SigningKeys; signals: Signals; clock: Clock } & {
    onKeysMade(kids: readonly string[]): Promise<void>;
    onFault(error: unknown): void;
  },
): Promise<LiveProvider> {
  let keys: readonly PublishedKey[] = [];
  let provider: Provider;

  const refreshKeys = async (): Promise<void> => {
    const { keys: now, made } = await n.signingKeys.published(n.clock.now());
    await n.onKeysMade(made);
    const ids = (list: readonly PublishedKey[]): string => list.map(({ kid, state }) => kid + state).join();
    if (!provider || ids(now) !== ids(keys)) {
      keys = now;
      provider = createProvider(
        n,
        now.map(({ privateJwk }) => privateJwk),
      );
    }
  };
  await refreshKeys();
  const off = n.signals.on('keys', () => void refreshKeys().catch(n.onFault));

  return {
    current: () => provider,
    keys: () => keys,
    refreshKeys,
    async check(client) {
      const wanted = [client.metadata.id_token_signed_response_alg, client.metadata.userinfo_signed_response_alg];
      for (const alg of wanted) {
        const name = SIGNING_ALGORITHMS.find((each) => each === alg);
        const made = name && (await n.signingKeys.ensure(name, n.clock.now()));
        if (!made) continue;
        await n.onKeysMade([made]);
        await refreshKeys();
      }
      try {
        await provider.Client.validate(toMetadata(client) as never);
        return undefined;
      } catch (error) {
        if (error instanceof errors.OIDCProviderError) return error.error_description ?? error.message;
        throw error;
      }
    },
    close: off,
  };
}
