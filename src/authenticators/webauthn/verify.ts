import { type AuthenticationResponseJSON, verifyAuthenticationResponse } from '@simplewebauthn/server';
import type { Proof } from '../../core/assurance.ts';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { Authenticator } from '../../store/authenticators.ts';
import type { WebauthnStore } from '../../store/webauthn.ts';
import { userHandle, type WebauthnParty } from './relying-party.ts';

export type { AuthenticationResponseJSON };

export interface VerifiedKey {
  readonly authenticator: Authenticator;
  readonly proof: Extract<Proof, 'security_key' | 'synced_key' | 'passkey' | 'synced_passkey'>;
}

/**
 * Checks what a key signed: our value, our origin, its own account (WebAuthn, section 7.2). With `accountId` it must be
 * that account's; without, a passkey says whose it is, and must have verified its user.
 * Refusals: `key_invalid`, and `key_copied` where its counter did not grow, with the authenticator's id.
 */
export type VerifyWebauthn = (
  subject: string,
  accountId: string | undefined,
  response: AuthenticationResponseJSON,
  now: Date,
) => Promise<Result<VerifiedKey>>;

export function createVerifyWebauthn(store: WebauthnStore, party: WebauthnParty): VerifyWebauthn {
  return async (subject, accountId, response, now) => {
    const authenticator = await store.byCredentialId(response.id);
    const credential = authenticator?.credential;
    if (!authenticator || !credential) return refuse('key_invalid');
    if (accountId !== undefined && authenticator.accountId !== accountId) return refuse('key_invalid');
    // A passkey that was found without a name names its account; where it does, it must be the right one.
    const handle = response.response.userHandle;
    const expected = userHandle({ id: authenticator.accountId }).toString('base64url');
    if (handle ? handle !== expected : accountId === undefined) return refuse('key_invalid');
    const checked = await verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => store.useChallenge(challenge, subject, now),
      expectedOrigin: party.origin,
      expectedRPID: party.rpID,
      requireUserVerification: accountId === undefined,
      // The counter is compared where it is written, in one statement.
      credential: {
        id: response.id,
        publicKey: new Uint8Array(Buffer.from(credential.publicKey, 'base64url')),
        counter: 0,
      },
    }).catch(() => undefined);
    if (!checked?.verified) return refuse('key_invalid');
    const { newCounter, userVerified } = checked.authenticationInfo;
    if (!(await store.count(authenticator.id, newCounter, now))) {
      return refuse('key_copied', { authenticatorId: authenticator.id });
    }
    const proof = userVerified
      ? credential.isSynced
        ? 'synced_passkey'
        : 'passkey'
      : credential.isSynced
        ? 'synced_key'
        : 'security_key';
    return accept({ authenticator, proof });
  };
}
