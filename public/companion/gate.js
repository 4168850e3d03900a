// A passkey of the phone itself: who holds the phone is checked (finger, face, code) before each approval.
import { call } from './api.js';
import { base64url, fromBase64url } from './crypto.js';

/** Whether this phone can check its user by itself. */
export const canGate = async () =>
  'PublicKeyCredential' in window &&
  (await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false));

/** Makes the passkey, tells its id to `keep`, then the server; from then on the server takes no approval of this account without it. */
export async function closeGate(account, keep) {
  const options = await call(account.keys, 'POST', '/app/api/gate/options');
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: fromBase64url(options.challenge),
      user: { ...options.user, id: fromBase64url(options.user.id) },
      excludeCredentials: [],
    },
  });
  await keep(made.id);
  await call(account.keys, 'PUT', '/app/api/gate', {
    ...described(made),
    response: {
      clientDataJSON: base64url(made.response.clientDataJSON),
      attestationObject: base64url(made.response.attestationObject),
    },
  });
}

/** The assertion over a signed answer, after the phone has checked its user. Throws NotAllowedError where it did not. */
export async function passGate(credentialId, answer) {
  const challenge = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(answer));
  const given = await navigator.credentials.get({
    publicKey: {
      challenge,
      rpId: location.hostname,
      userVerification: 'required',
      allowCredentials: [{ type: 'public-key', id: fromBase64url(credentialId), transports: ['internal'] }],
    },
  });
  const { clientDataJSON, authenticatorData, signature } = given.response;
  return {
    ...described(given),
    response: {
      clientDataJSON: base64url(clientDataJSON),
      authenticatorData: base64url(authenticatorData),
      signature: base64url(signature),
    },
  };
}

const described = ({ id, rawId, type }) => ({ id, rawId: base64url(rawId), type, clientExtensionResults: {} });
