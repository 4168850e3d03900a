import {
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { addSeconds } from '../../core/clock.ts';
import type { Account } from '../../store/accounts.ts';
import type { Authenticator } from '../../store/authenticators.ts';
import type { WebauthnStore } from '../../store/webauthn.ts';
import { ALGORITHMS, userHandle, type WebauthnParty } from './relying-party.ts';

export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;

/** How long a value may be signed. A first page stays open for long, and a passkey may be chosen at its end. */
const CHALLENGE_SECONDS = 1800;
/** How long the browser lets a person search for their key. */
const TIMEOUT_MS = 300_000;

export interface WebauthnChallenges {
  /** Options for `navigator.credentials.create()`; keys that the account has are left out. */
  create(subject: string, account: Account, known: readonly Authenticator[], now: Date): Promise<CreationOptions>;
  /** Options for `navigator.credentials.get()`. Without `keys`: any passkey, which must verify its user. */
  request(subject: string, keys: readonly Authenticator[] | undefined, now: Date): Promise<RequestOptions>;
}

export function createWebauthnChallenges(store: WebauthnStore, party: WebauthnParty): WebauthnChallenges {
  const { rpID } = party;
  const challenge = (subject: string, now: Date): Uint8Array<ArrayBuffer> =>
    new Uint8Array(store.newChallenge(subject, addSeconds(now, CHALLENGE_SECONDS)));
  return {
    create(subject, account, known, now) {
      return generateRegistrationOptions({
        rpID,
        rpName: party.organisation.name,
        challenge: challenge(subject, now),
        userName: account.email,
        userDisplayName: account.displayName,
        userID: new Uint8Array(userHandle(account)),
        timeout: TIMEOUT_MS,
        // Only an allow-list needs the maker's word; otherwise it is nobody's business.
        attestationType: party.allowedAaguids.length > 0 ? 'direct' : 'none',
        supportedAlgorithmIDs: ALGORITHMS,
        excludeCredentials: descriptors(known),
        // A passkey where the device can, a plain second factor where it cannot.
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
      });
    },
    request(subject, keys, now) {
      return generateAuthenticationOptions({
        rpID,
        challenge: challenge(subject, now),
        timeout: TIMEOUT_MS,
        allowCredentials: descriptors(keys ?? []),
        userVerification: keys ? 'preferred' : 'required',
      });
    },
  };
}

const descriptors = (keys: readonly Authenticator[]): { id: string; transports: AuthenticatorTransport[] }[] =>
  keys.flatMap(({ credentialId, credential }) =>
    credentialId && credential
      ? [{ id: credentialId, transports: [...credential.transports] as AuthenticatorTransport[] }]
      : [],
  );
