import { createHash, randomBytes } from 'node:crypto';
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { WebAuthnEmulator } from 'nid-webauthn-emulator';

export interface ShownChallenge {
  readonly id: string;
  readonly context: {
    readonly purpose: string;
    readonly client: string;
    readonly browser: string;
    readonly ip: string;
    readonly place: string | null;
    readonly at: string;
    readonly about?: { readonly message: string; readonly amount: string | null; readonly to: string | null };
  };
  readonly contextDigest: string;
  readonly numberLength: number;
  readonly state: string;
}

/** The companion app's side of the protocol, without a browser: what public/companion does, written a second time. */
export class Phone {
  readonly server: string;
  readonly #privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly thumbprint: string;
  /** Seconds by which the phone's clock is ahead of this machine's. */
  clockOffset = 0;
  /** Its own passkey, where it has one: verifies its user for each approval. */
  #gate: { readonly key: WebAuthnEmulator; readonly id: string } | undefined;

  private constructor(server: string, privateKey: CryptoKey, jwk: JWK, thumbprint: string) {
    this.server = server;
    this.#privateKey = privateKey;
    this.jwk = jwk;
    this.thumbprint = thumbprint;
  }

  static async make(server: string): Promise<Phone> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const { kty, crv, x, y } = await exportJWK(publicKey);
    const jwk = { kty, crv, x, y } as JWK;
    return new Phone(server, privateKey, jwk, await calculateJwkThumbprint(jwk));
  }

  proof(
    method: string,
    path: string,
    overrides: { iat?: number; jti?: string; jwk?: object; typ?: string } = {},
  ): Promise<string> {
    const {
      iat = Math.floor(Date.now() / 1000 + this.clockOffset),
      jti = randomBytes(16).toString('base64url'),
      jwk = this.jwk,
      typ = 'dpop+jwt',
    } = overrides;
    return new SignJWT({ htm: method, htu: this.server + path, jti })
      .setProtectedHeader({ typ, alg: 'ES256', jwk: jwk as JWK })
      .setIssuedAt(iat)
      .sign(this.#privateKey);
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    proof?: string,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(this.server + path, {
      method,
      headers: {
        dpop: proof ?? (await this.proof(method, path)),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }

  enrol(code: string, label = 'Testtelefoon'): ReturnType<Phone['call']> {
    return this.call('POST', '/app/api/enrolments', { code, label });
  }

  async challenges(): Promise<ShownChallenge[]> {
    const { body } = await this.call('GET', '/app/api/challenges');
    return (body.challenges as ShownChallenge[] | undefined) ?? [];
  }

  async signAnswer(
    challenge: ShownChallenge,
    decision: string,
    match: object = {},
    overrides: Record<string, unknown> = {},
  ): Promise<string> {
    const { purpose, client, browser, ip, place, at, about } = challenge.context;
    const more = about ? [about.message, about.amount ?? '', about.to ?? ''] : [];
    const context = createHash('sha256')
      .update([purpose, client, browser, ip, place ?? '', at, ...more].join('\n'))
      .digest('base64url');
    const payload = {
      aud: this.server,
      challenge: challenge.id,
      context,
      decision,
      iat: Math.floor(Date.now() / 1000 + this.clockOffset),
      ...match,
      ...overrides,
    };
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ typ: 'dubbelslot-answer+jws', alg: 'ES256', kid: this.thumbprint })
      .sign(this.#privateKey);
  }

  /** What the old phone signs to hand its account to the phone with this key. */
  signTransfer(transfer: string, key: string, overrides: Record<string, unknown> = {}): Promise<string> {
    const payload = { aud: this.server, transfer, key, iat: Math.floor(Date.now() / 1000), ...overrides };
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ typ: 'dubbelslot-transfer+jws', alg: 'ES256', kid: this.thumbprint })
      .sign(this.#privateKey);
  }

  async answer(challenge: ShownChallenge, decision: string, match: object = {}): ReturnType<Phone['call']> {
    const answer = await this.signAnswer(challenge, decision, match);
    const assertion = this.#gate && decision === 'approve' ? this.#passGate(answer) : undefined;
    return this.call('POST', `/app/api/challenges/${challenge.id}/answer`, { answer, assertion });
  }

  /** Makes a passkey of its own, without which the server takes no approval of it from then on. */
  async closeGate(): Promise<void> {
    const key = new WebAuthnEmulator();
    const { body } = await this.call('POST', '/app/api/gate/options');
    const made = key.createJSON(this.server, body as never);
    const closed = await this.call('PUT', '/app/api/gate', made);
    if (closed.status !== 204) throw new Error(JSON.stringify(closed));
    this.#gate = { key, id: made.id };
  }

  #passGate(answer: string): unknown {
    const { key, id } = this.#gate!;
    return key.getJSON(this.server, {
      challenge: createHash('sha256').update(answer).digest('base64url'),
      rpId: new URL(this.server).hostname,
      userVerification: 'required',
      allowCredentials: [{ type: 'public-key', id }],
    } as never);
  }

  /** Approves the one request that waits, with this number. */
  async approve(number: string): ReturnType<Phone['call']> {
    const [challenge] = await this.challenges();
    if (!challenge) throw new Error('nothing waits for this phone');
    return this.answer(challenge, 'approve', { number });
  }
}
