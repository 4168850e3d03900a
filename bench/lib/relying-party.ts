import { createHash, randomBytes } from 'node:crypto';
import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { call } from './browser.ts';

export interface Application {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: string;
  readonly redirectUri: string;
}

export interface Tokens {
  readonly id_token: string;
  readonly access_token: string;
  readonly refresh_token?: string;
}

const random = (): string => randomBytes(16).toString('base64url');

/** A web app that believes nothing: signature, issuer, audience, nonce, `acr`, `amr`, `auth_time` and userinfo are checked. */
export async function relyingParty({ issuer, clientId, secret, redirectUri }: Application) {
  const found = JSON.parse((await call(`${issuer}/.well-known/openid-configuration`)).body) as Record<string, string>;
  const keys = createLocalJWKSet(JSON.parse((await call(found.jwks_uri!)).body));
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
  return {
    endpoints: found,
    authorization,
    request(more: Readonly<Record<string, string>> = {}) {
      const [state, nonce, verifier] = [random(), random(), randomBytes(32).toString('base64url')] as const;
      const url = new URL(found.authorization_endpoint!);
      url.search = new URLSearchParams({
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'openid email',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...more,
      }).toString();
      return { url: url.href, state, nonce, verifier };
    },
    /** Exchanges the code. @throws where the answer is not ours, or is none */
    async redeem(
      request: { state: string; verifier: string },
      landed: string,
      more: Readonly<Record<string, string>> = {},
    ): Promise<Tokens> {
      const { searchParams } = new URL(landed);
      if (searchParams.get('state') !== request.state || (searchParams.get('iss') ?? issuer) !== issuer)
        throw new Error(`wrong answer: ${landed}`);
      const answer = await call(found.token_endpoint!, {
        headers: { authorization },
        form: {
          grant_type: 'authorization_code',
          code: searchParams.get('code') ?? '',
          redirect_uri: redirectUri,
          code_verifier: request.verifier,
          ...more,
        },
      });
      if (answer.status !== 200) throw new Error(`token: ${answer.status} ${answer.body}`);
      return JSON.parse(answer.body) as Tokens;
    },
    /** Exchanges the code and checks what it gives. @throws where anything is not as it must be */
    async finish(
      request: { state: string; nonce: string; verifier: string },
      landed: string,
      acr: string | null,
    ): Promise<{ claims: JWTPayload; accessToken: string }> {
      const tokens = await this.redeem(request, landed);
      const { payload } = await jwtVerify(tokens.id_token, keys, {
        issuer,
        audience: clientId,
        requiredClaims: ['exp', 'auth_time'],
      });
      const isRight =
        payload.nonce === request.nonce &&
        (acr === null || (payload.acr === acr && Array.isArray(payload.amr))) &&
        Date.now() / 1000 - Number(payload.auth_time) < 60;
      if (!isRight) throw new Error(`wrong claims: ${JSON.stringify(payload)}`);
      const userinfo = await call(found.userinfo_endpoint!, {
        headers: { authorization: `Bearer ${tokens.access_token}` },
      });
      if (userinfo.status !== 200 || JSON.parse(userinfo.body).sub !== payload.sub)
        throw new Error(`userinfo: ${userinfo.status}`);
      return { claims: payload, accessToken: tokens.access_token };
    },
  };
}
