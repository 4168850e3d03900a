import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as oidc from 'openid-client';
import { freePort } from './ports.ts';

export interface AuthorizationRequest {
  readonly url: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** A web app, by `openid-client`. `listen` makes it answer at its redirect address for a browser to land on. */
export class RelyingParty {
  readonly config: oidc.Configuration;
  readonly clientId: string;
  readonly redirectUri: string;
  #server: Server | undefined;

  private constructor(config: oidc.Configuration, clientId: string, redirectUri: string) {
    this.config = config;
    this.clientId = clientId;
    this.redirectUri = redirectUri;
  }

  static async redirectUri(): Promise<string> {
    return `http://localhost:${await freePort()}/callback`;
  }

  /** @param auth how it proves itself: its secret, nothing, or another way of `openid-client`'s */
  static async discover(
    issuer: string,
    clientId: string,
    auth: string | oidc.ClientAuth,
    redirectUri: string,
    metadata: Partial<oidc.ClientMetadata> = {},
  ): Promise<RelyingParty> {
    const bySecret = (secret: string) => (secret ? oidc.ClientSecretBasic(secret) : oidc.None());
    const config = await oidc.discovery(
      new URL(issuer),
      clientId,
      metadata,
      typeof auth === 'string' ? bySecret(auth) : auth,
      {
        execute: [oidc.allowInsecureRequests],
      },
    );
    return new RelyingParty(config, clientId, redirectUri);
  }

  /** @param build how the request travels: in the address, pushed (PAR) or signed (JAR) */
  async request(
    more: Record<string, string> = {},
    build: (parameters: Record<string, string>) => URL | Promise<URL> = (parameters) =>
      oidc.buildAuthorizationUrl(this.config, parameters),
  ): Promise<AuthorizationRequest> {
    const codeVerifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const url = await build({
      redirect_uri: this.redirectUri,
      scope: 'openid email profile',
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...more,
    });
    return { url: url.href, state, nonce, codeVerifier };
  }

  /** The tokens for the address that the browser came back to; throws what the server refused. */
  redeem(
    request: AuthorizationRequest,
    callbackUrl: string,
    parameters: Record<string, string> = {},
    options?: oidc.DPoPOptions,
  ): ReturnType<typeof oidc.authorizationCodeGrant> {
    return oidc.authorizationCodeGrant(
      this.config,
      new URL(callbackUrl),
      {
        expectedState: request.state,
        expectedNonce: request.nonce,
        pkceCodeVerifier: request.codeVerifier,
        idTokenExpected: true,
      },
      parameters,
      options,
    );
  }

  async listen(): Promise<void> {
    const url = new URL(this.redirectUri);
    this.#server = createServer((_request: IncomingMessage, response: ServerResponse) => {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><title>app</title><h1 id="app">Web app</h1>');
    });
    await new Promise<void>((resolve) => this.#server!.listen(Number(url.port), url.hostname, resolve));
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}
