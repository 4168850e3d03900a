import { WebAuthnEmulator } from 'nid-webauthn-emulator';
import * as oidc from 'openid-client';
import { PERMISSIONS } from '../../src/core/permissions.ts';
import type { Account, Role } from '../../src/store/accounts.ts';
import type { ClientResource } from '../../src/store/clients.ts';
import { OPERATOR } from './administration.ts';
import { DocumentJudge } from './api-document.ts';
import type { TestInstallation } from './installation.ts';
import { Laptop } from './laptop.ts';
import { RelyingParty } from './relying-party.ts';
import { enrolKey, givePassword, goOn } from './story.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what a test looks at.
  readonly body: any;
}

const judges = new Map<string, Promise<DocumentJudge>>();

/** The document of a server, read once: every answer in every test is held against it. */
function judgeOf(url: string): Promise<DocumentJudge> {
  const known =
    judges.get(url) ??
    fetch(`${url}/openapi.json`).then(async (answer) => new DocumentJudge((await answer.json()) as object));
  judges.set(url, known);
  return known;
}

/** A caller of the API with an access token. */
export class ApiClient {
  readonly #url: string;

  readonly token: string;
  readonly #scheme: 'Bearer' | 'DPoP';

  constructor(url: string, token: string, scheme: 'Bearer' | 'DPoP' = 'Bearer') {
    this.#url = `${url}/api/v1`;
    this.token = token;
    this.#scheme = scheme;
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    const answer = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(this.token ? { authorization: `${this.#scheme} ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json(?!l)/.test(answer.headers.get('content-type') ?? '');
    const seen = { status: answer.status, headers: answer.headers, body: isJson && text ? JSON.parse(text) : text };
    (await judgeOf(this.#url)).judge(method, path, seen);
    return seen;
  }

  get = (path: string, headers?: Record<string, string>) => this.call('GET', path, undefined, headers);
  post = (path: string, body?: unknown, headers?: Record<string, string>) =>
    this.call('POST', path, body ?? {}, headers);
}

let programs = 0;

/** A program with these scopes, by client credentials. */
export async function apiProgram(installation: TestInstallation, scopes: readonly string[]): Promise<ApiClient> {
  programs += 1;
  const id = `program-${programs}`;
  const resource: ClientResource = { uri: `${installation.url}/api/v1`, scopes, format: 'opaque' };
  const secret = await installation.addClient({ id, profile: 'machine', resources: [resource] });
  const rp = await RelyingParty.discover(installation.url, id, secret, '');
  const tokens = await oidc.clientCredentialsGrant(rp.config, { scope: scopes.join(' '), resource: resource.uri });
  return new ApiClient(installation.url, tokens.access_token);
}

const PEOPLE_CLIENT = 'admin-tool';

/** The web app through which people call the API; one for each installation. */
async function peopleParty(installation: TestInstallation): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const uri = `${installation.url}/api/v1`;
  await installation.d.clientRegistration.register(
    {
      id: PEOPLE_CLIENT,
      name: 'Beheerhulp',
      profile: 'app',
      redirectUris: [redirectUri],
      resources: [{ uri, scopes: PERMISSIONS, format: 'opaque' }],
    },
    OPERATOR,
  );
  return RelyingParty.discover(installation.url, PEOPLE_CLIENT, '', redirectUri);
}

/** Somebody with a role, signed in with a passkey, with every scope. */
export async function apiPerson(
  installation: TestInstallation,
  role: Role | null,
  scopes: readonly string[] = PERMISSIONS,
): Promise<{ api: ApiClient; account: Account; password: string; key: WebAuthnEmulator }> {
  const rp = await peopleParty(installation);
  const { account, email, password } = await installation.addPerson(undefined, role ? { role } : {});
  const laptop = new Laptop();
  const resource = `${installation.url}/api/v1`;
  const request = await givePassword(
    laptop,
    rp,
    { email, password },
    { resource, scope: `openid ${scopes.join(' ')}` },
  );
  const key = new WebAuthnEmulator();
  await enrolKey(laptop, installation.url, key);
  const tokens = await rp.redeem(request, (await goOn(laptop, rp)).url, { resource });
  return { api: new ApiClient(installation.url, tokens.access_token), account, password, key };
}
