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

  static async discover(issuer: string, clientId: string, secret: string, redirectUri: string): Promise<RelyingParty> {
    const config = await oidc.discovery(
      new URL(issuer),
      clientId,
      {},
      secret ? oidc.ClientSecretBasic(secret) : oidc.None(),
      {
        execute: [oidc.allowInsecureRequests],
      },
    );
    return new RelyingParty(config, clientId, redirectUri);
  }

  async request(more: Record<string, string> = {}): Promise<AuthorizationRequest> {
    const codeVerifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const url = oidc.buildAuthorizationUrl(this.config, {
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
  redeem(request: AuthorizationRequest, callbackUrl: string): ReturnType<typeof oidc.authorizationCodeGrant> {
    return oidc.authorizationCodeGrant(this.config, new URL(callbackUrl), {
      expectedState: request.state,
      expectedNonce: request.nonce,
      pkceCodeVerifier: request.codeVerifier,
      idTokenExpected: true,
    });
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
