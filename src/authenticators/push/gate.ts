import { createHash } from 'node:crypto';
import {
  type AuthenticationResponseJSON,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Organisation } from '../../core/organisation.ts';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { Gate } from '../../store/authenticators.ts';

export type { AuthenticationResponseJSON, RegistrationResponseJSON };
export type GateOptions = PublicKeyCredentialCreationOptionsJSON;

/**
 * A passkey that the phone makes for itself: its platform authenticator verifies who holds the phone (finger, face,
 * code) before each approval, which makes an approval multi-factor by itself.
 */
export interface PushGate {
  /** Options for `navigator.credentials.create()`; their `challenge` must be kept. */
  offer(authenticatorId: string, email: string): Promise<GateOptions>;
  /** Refusal: `gate_invalid` (WebAuthn, section 7.1). */
  bind(challenge: string, response: RegistrationResponseJSON): Promise<Result<Gate>>;
  /**
   * The assertion's challenge is the SHA-256 of the signed answer, so it stands for this answer alone.
   * Refusal: `gate_invalid` (WebAuthn, section 7.2). @returns the new signature counter
   */
  verify(gate: Gate, answer: string, response: AuthenticationResponseJSON): Promise<Result<number>>;
}

export function createPushGate(publicUrl: string, organisation: Pick<Organisation, 'name'>): PushGate {
  const rpID = new URL(publicUrl).hostname;
  const expected = { expectedOrigin: publicUrl, expectedRPID: rpID, requireUserVerification: true } as const;
  return {
    offer: (authenticatorId, email) =>
      generateRegistrationOptions({
        rpName: organisation.name,
        rpID,
        userName: email,
        // Apart from any passkey for signing in: this one belongs to the phone's key.
        userID: new Uint8Array(createHash('sha256').update(`gate ${authenticatorId}`).digest()),
        attestationType: 'none',
        supportedAlgorithmIDs: [-7, -257],
        authenticatorSelection: {
          authenticatorAttachment: 'platform',
          residentKey: 'discouraged',
          userVerification: 'required',
        },
      }),
    async bind(challenge, response) {
      try {
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          ...expected,
          response,
          expectedChallenge: challenge,
        });
        if (!verified || !registrationInfo) return refuse('gate_invalid');
        const { id, publicKey, counter } = registrationInfo.credential;
        return accept({ credentialId: id, publicKey: Buffer.from(publicKey).toString('base64url'), counter });
      } catch {
        return refuse('gate_invalid');
      }
    },
    async verify(gate, answer, response) {
      try {
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          ...expected,
          response,
          expectedChallenge: createHash('sha256').update(answer).digest('base64url'),
          credential: {
            id: gate.credentialId,
            publicKey: new Uint8Array(Buffer.from(gate.publicKey, 'base64url')),
            counter: gate.counter,
          },
        });
        return verified ? accept(authenticationInfo.newCounter) : refuse('gate_invalid');
      } catch {
        return refuse('gate_invalid');
      }
    },
  };
}
