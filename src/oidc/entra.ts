import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { importJWK, SignJWT } from 'jose';
import { ACR_MFA, FEDERATED } from '../core/assurance.ts';
import type { AuditEvent } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { type Random, token128, token256 } from '../core/random.ts';
import type { Notify } from '../flow/notices.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Client, Clients, EntraTenant } from '../store/clients.ts';
import type { EntraAccounts } from '../store/entra-accounts.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';
import type { PublishedKey } from '../store/signing-keys.ts';
import type { Throttle } from '../store/throttle.ts';
import { chooseAcr, chooseAmr, wishesOf } from './entra-claims.ts';
import { createEntraHints, type EntraHint } from './entra-hints.ts';
import type { PausedSignIn, SignInRefusal, SignInResult } from './interactions.ts';

/**
 * An external authentication method of Microsoft Entra ID: Entra has checked the password, we add the second factor.
 * By Microsoft's published contract ("Use Microsoft Entra MFA with an external provider"): a POST with an ID token as
 * a hint of who it is, an ID token with one `acr` and one `amr` back. An issuer of its own, so that nothing of it is
 * open to other clients; no session begins here.
 */
export interface Entra {
  /** The discovery document at `<issuer>/.well-known/openid-configuration`. */
  readonly document: object;
  /** RS256 keys with their certificates: what Entra reads. */
  keys(): { keys: object[] };
  /** Takes Entra's request. `unknown`: nobody whom we would send anything back to. */
  begin(params: Readonly<Record<string, string | undefined>>, origin: EntraOrigin): Promise<EntraBegun>;
  /** The pause that this browser's cookie and this uid agree on. */
  find(request: IncomingMessage, uid: string): Promise<PausedSignIn | undefined>;
  /** Ends the pause. @returns where the browser fetches its answer */
  finish(uid: string, result: SignInResult | SignInRefusal): Promise<string>;
  /** What goes back to Entra, once. */
  answer(request: IncomingMessage, uid: string): Promise<EntraAnswer | undefined>;
}

export interface EntraOrigin {
  readonly ip: string;
  readonly requestId: string;
}

export type EntraBegun =
  | { readonly state: 'paused'; readonly uid: string; readonly token: string }
  | { readonly state: 'refused'; readonly answer: EntraAnswer }
  | { readonly state: 'unknown'; readonly what: 'client' | 'redirect' };

/** Posted to Entra by the browser. */
export interface EntraAnswer {
  readonly redirectUri: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface EntraNeeds {
  readonly publicUrl: string;
  readonly isSecure: boolean;
  readonly accounts: Accounts;
  readonly clients: Clients;
  readonly entraAccounts: EntraAccounts;
  readonly payloads: OidcPayloads;
  publishedKeys(): readonly PublishedKey[];
  readonly fetch: typeof fetch;
  readonly throttle: Throttle;
  readonly audit: (event: AuditEvent) => Promise<void>;
  readonly notify: Notify;
  readonly clock: Clock;
  readonly random: Random;
}

export const ENTRA_PATH = '/entra';
const UID_PREFIX = 'entra-';
export const isEntraUid = (uid: string): boolean => uid.startsWith(UID_PREFIX);
export const entraCookie = (isSecure: boolean): string => (isSecure ? '__Secure-entra' : 'entra');

/** Entra gives up after ten minutes. Seconds. */
export const ENTRA_SECONDS = 600;
/** How long an answer waits for the browser to fetch it. */
const ANSWER_SECONDS = 120;
const ID_TOKEN_SECONDS = 300;
const REQUEST = 'EntraRequest';
/** Refusals from one address that the audit log keeps before it keeps one in ten minutes: anybody can send a request. */
const KEPT_REFUSALS = [...Array<number>(20).fill(0), 600];

interface StoredRequest extends Record<string, unknown> {
  readonly accountId: string;
  readonly clientId: string;
  readonly sub: string;
  readonly tenantId: string;
  readonly objectId: string;
  readonly nonce: string;
  readonly state: string | undefined;
  readonly redirectUri: string;
  readonly acr: string;
  readonly amrs: readonly string[];
  /** SHA-256 of what the browser's cookie holds, base64url. */
  readonly tokenDigest: string;
  readonly at: string;
  readonly amr?: string;
  readonly error?: string;
}

export function createEntra(n: EntraNeeds): Entra {
  const issuer = n.publicUrl + ENTRA_PATH;
  const cookie = new RegExp(`(?:^|;\\s*)${entraCookie(n.isSecure)}=([\\w-]+)`);
  const readHint = createEntraHints(n);
  const signing = () => n.publishedKeys().filter(({ alg, privateJwk }) => alg === 'RS256' && privateJwk.x5c);

  /** Once linked, the object id decides; a name only finds somebody the first time. */
  const accountOf = async ({ objectId, name }: EntraHint, { tenantId }: EntraTenant) => {
    const linked = await n.entraAccounts.find(tenantId, objectId);
    if (linked) return n.accounts.byId(linked);
    const named = await n.accounts.byEmail(name);
    return named && !(await n.entraAccounts.isLinked(tenantId, named.id)) ? named : undefined;
  };

  /** After the second factor of that very account. @returns whether they belong together now */
  const link = async ({ accountId, clientId, tenantId, objectId }: StoredRequest): Promise<boolean> => {
    const linked = await n.entraAccounts.link(tenantId, objectId, accountId, n.clock.now());
    if (linked !== 'new') return linked === 'known';
    await n.audit({
      action: 'account.linked',
      object: `account:${accountId}`,
      result: 'success',
      origin: 'entra',
      actor: `account:${accountId}`,
      accountId,
      detail: { tenantId, objectId },
    });
    const [account, client] = await Promise.all([n.accounts.byId(accountId), n.clients.byId(clientId)]);
    if (account) n.notify(account, { kind: 'account_linked', client: client?.name ?? clientId });
    return true;
  };

  /** The tenant that a client stands for, while it does. */
  const tenantOf = (client: Client | undefined): EntraTenant | undefined =>
    client?.profile === 'entra' && !client.disabledAt ? client.settings.entra : undefined;

  const stored = async (request: IncomingMessage, uid: string): Promise<StoredRequest | undefined> => {
    const token = cookie.exec(request.headers.cookie ?? '')?.[1];
    const found = (await n.payloads.find(REQUEST, uid, n.clock.now())) as StoredRequest | undefined;
    const isTheirs = token !== undefined && found?.tokenDigest === digestOf(token);
    if (!found || !isTheirs || found.consumed !== undefined) return undefined;
    return tenantOf(await n.clients.byId(found.clientId)) ? found : undefined;
  };

  return {
    document: {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ['id_token'],
      response_modes_supported: ['form_post'],
      grant_types_supported: ['implicit'],
      scopes_supported: ['openid'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      claim_types_supported: ['normal'],
      claims_supported: ['sub', 'acr', 'amr', 'nonce'],
    },

    keys: () => ({
      keys: signing().map(({ kid, privateJwk: { kty, n: modulus, e, x5c } }) => ({
        kty,
        use: 'sig',
        alg: 'RS256',
        kid,
        n: modulus,
        e,
        x5c,
      })),
    }),

    async begin(params, from) {
      const client = params.client_id ? await n.clients.byId(params.client_id) : undefined;
      const tenant = tenantOf(client);
      if (!client || !tenant) return { state: 'unknown', what: 'client' };
      const { redirect_uri: redirectUri = '', state, nonce, id_token_hint: hint } = params;
      if (!client.metadata.redirect_uris.includes(redirectUri)) return { state: 'unknown', what: 'redirect' };
      const refuse = async (error: string, why: string): Promise<EntraBegun> => {
        const counted = await n.throttle.attempt(`entra_refused:${from.ip}`, KEPT_REFUSALS, n.clock.now());
        const answer = { redirectUri, fields: errorFields(error, state) };
        if (!counted.ok) return { state: 'refused', answer };
        await n.audit({
          action: 'entra.refused',
          object: `client:${client.id}`,
          result: 'refused',
          origin: from.ip,
          requestId: from.requestId,
          actor: 'entra',
          detail: { error, why: why.slice(0, 300), clientRequestId: params['client-request-id']?.slice(0, 64) },
        });
        return { state: 'refused', answer };
      };
      if (params.response_type !== 'id_token' || params.response_mode !== 'form_post')
        return refuse('unsupported_response_type', 'response_type is id_token, response_mode form_post');
      if (!params.scope?.split(' ').includes('openid') || !nonce || !hint)
        return refuse('invalid_request', 'scope openid, nonce and id_token_hint are required');
      const wishes = wishesOf(params.claims);
      const acr = chooseAcr(wishes.acrs);
      if (!acr) return refuse('access_denied', `none of the acr values can be reached: ${wishes.acrs.join(' ')}`);
      let who: EntraHint;
      try {
        who = await readHint(hint, tenant);
      } catch (error) {
        return refuse('invalid_request', `id_token_hint: ${(error as Error).message}`);
      }
      const account = await accountOf(who, tenant);
      if (account?.status !== 'active') return refuse('access_denied', 'nobody here is who the hint names');
      const now = n.clock.now();
      const uid = UID_PREFIX + token128(n.random);
      const token = token256(n.random);
      const request: StoredRequest = {
        accountId: account.id,
        clientId: client.id,
        sub: who.sub,
        tenantId: tenant.tenantId,
        objectId: who.objectId,
        nonce,
        state,
        redirectUri,
        acr,
        amrs: wishes.amrs,
        tokenDigest: digestOf(token),
        at: now.toISOString(),
      };
      await n.payloads.put(REQUEST, uid, request, addSeconds(now, ENTRA_SECONDS));
      return { state: 'paused', uid, token };
    },

    async find(request, uid) {
      const found = await stored(request, uid);
      if (!found || found.amr || found.error) return undefined;
      if ((await n.accounts.byId(found.accountId))?.status !== 'active') return undefined;
      return {
        uid,
        clientId: found.clientId,
        prompt: 'mfa',
        requestedAcrs: [ACR_MFA],
        session: { accountId: found.accountId, amr: [FEDERATED], authTime: new Date(found.at) },
        redirectOrigin: new URL(found.redirectUri).origin,
        loginHint: undefined,
        uiLocales: undefined,
      };
    },

    async finish(uid, result) {
      const now = n.clock.now();
      const found = (await n.payloads.find(REQUEST, uid, now)) as StoredRequest | undefined;
      if (found) {
        // Whoever signed in as somebody else on the way has proven nothing about the person whom Entra sent.
        const isSame = 'accountId' in result && result.accountId === found.accountId;
        const amr = isSame ? chooseAmr(result.amr, found.amrs) : undefined;
        const ended = amr && (await link(found)) ? { amr } : { error: 'access_denied' };
        await n.payloads.replace(REQUEST, uid, { ...found, ...ended }, addSeconds(now, ANSWER_SECONDS));
      }
      return `/interaction/${uid}/answer`;
    },

    async answer(request, uid) {
      const found = await stored(request, uid);
      if (!found || !(found.amr || found.error)) return undefined;
      if (!(await n.payloads.consume(REQUEST, uid, n.clock.now()))) return undefined;
      const { redirectUri, state } = found;
      if (found.error) return { redirectUri, fields: errorFields(found.error, state) };
      const [key] = signing();
      if (!key) throw new Error('there is no RS256 key with a certificate: run keys rotate --now');
      const now = Math.floor(n.clock.now().getTime() / 1000);
      const { clientId, sub, nonce, acr, amr } = found;
      const idToken = await new SignJWT({ nonce, acr, amr: [amr], auth_time: now })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: key.kid })
        .setIssuer(issuer)
        .setAudience(clientId)
        .setSubject(sub)
        .setIssuedAt(now)
        .setExpirationTime(now + ID_TOKEN_SECONDS)
        .sign(await importJWK(key.privateJwk, 'RS256'));
      return { redirectUri, fields: { id_token: idToken, ...(state === undefined ? {} : { state }) } };
    },
  };
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

const errorFields = (error: string, state: string | undefined): Record<string, string> => ({
  error,
  ...(state === undefined ? {} : { state }),
});
