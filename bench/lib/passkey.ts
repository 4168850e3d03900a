import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A passkey of somebody's phone, in software: as little of WebAuthn as a sign-in needs. */
export interface Passkey {
  readonly credentialId: string;
  /** PKCS #8, base64. */
  readonly privateKey: string;
  /** COSE key (RFC 9053, section 7.1.1), base64url. */
  readonly publicKey: string;
}

const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();

export function makePasskey(): Passkey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
  const cose = Buffer.concat([
    Buffer.from('a5010203262001215820', 'hex'),
    Buffer.from(x, 'base64url'),
    Buffer.from('225820', 'hex'),
    Buffer.from(y, 'base64url'),
  ]);
  return {
    credentialId: randomBytes(20).toString('base64url'),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    publicKey: cose.toString('base64url'),
  };
}

const PRESENT_AND_VERIFIED = 0x05;

/** What a browser would put into the form: the key's answer to the page's challenge (WebAuthn, section 7.2). */
export function answer(passkey: Passkey, accountId: string, challenge: string, origin: string): string {
  const clientData = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin, crossOrigin: false }));
  const authenticatorData = Buffer.concat([
    sha256(new URL(origin).hostname),
    Buffer.from([PRESENT_AND_VERIFIED, 0, 0, 0, 0]),
  ]);
  const key = createPrivateKey({ key: Buffer.from(passkey.privateKey, 'base64'), type: 'pkcs8', format: 'der' });
  return JSON.stringify({
    id: passkey.credentialId,
    rawId: passkey.credentialId,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authenticatorData.toString('base64url'),
      signature: sign('sha256', Buffer.concat([authenticatorData, sha256(clientData)]), key).toString('base64url'),
      userHandle: Buffer.from(accountId.replaceAll('-', ''), 'hex').toString('base64url'),
    },
  });
}
