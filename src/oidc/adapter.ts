import { errors, Provider } from 'oidc-provider';
import type { Clock } from '../core/clock.ts';
import { newTransaction } from '../flow/new-transaction.ts';
import { WAITS } from '../policy/throttling.ts';
import type { OidcPayload, OidcPayloads } from '../store/oidc-payloads.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { Throttle } from '../store/throttle.ts';
import { askedBy } from './asked.ts';
import {
  groundInProgress,
  owe,
  oweResult,
  oweUse,
  pauseInProgress,
  resume,
  resumedSignIn,
  routeInProgress,
  sessionInProgress,
  signerInProgress,
  signInBy,
  standOn,
  takePuts,
} from './in-progress.ts';

/** What oidc-provider asks of a store, class by class (its Adapter interface). */
export interface Adapter {
  upsert(id: string, payload: OidcPayload, expiresIn: number): Promise<void>;
  find(id: string): Promise<OidcPayload | undefined>;
  findByUid(uid: string): Promise<OidcPayload | undefined>;
  findByUserCode(userCode: string): Promise<OidcPayload | undefined>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

/** Its real id is needed again after being found by its user code; it is sealed. An interaction's id is no secret. */
const KEEP_ID = new Set(['DeviceCode', 'Interaction']);

/** A device or a web app asks for these again and again until somebody has answered. */
const POLLED = new Set(['DeviceCode', 'BackchannelAuthenticationRequest']);
/** RFC 8628, section 3.2, and CIBA Core, section 7.3: the default of both. */
export const POLL_SECONDS = 5;
/** How long they can still be told that it is too late. */
const TOLD_EXPIRED_SECONDS = 50;

/** Whose every use asks for its session, its grant and its account next: all are read with it. */
const STANDING = new Set(['AuthorizationCode', 'AccessToken', 'RefreshToken', 'ClientCredentials']);
/** Where the library is shown a token that may be of any type, and looks for each: all are looked for at once. */
const ANY_TOKEN = ['AccessToken', 'RefreshToken', 'ClientCredentials'];
const SHOWN_A_TOKEN = new Set(['introspection', 'revocation']);
const lookups = new WeakMap<object, { id: string; found: ReturnType<OidcPayloads['findWithGround']> }>();
const none = async (): Promise<undefined> => undefined;
const nothing = async (): Promise<void> => {};
const expiry = (clock: Clock, seconds: number): Date => new Date(clock.now().getTime() + seconds * 1000);

export interface PayloadAdapterNeeds {
  readonly payloads: OidcPayloads;
  readonly throttle: Throttle;
  readonly clock: Clock;
  /** Brings what a phone has answered into the request, where that was not done yet. */
  settleApproval(requestId: string): Promise<void>;
}

export function payloadAdapter(type: string, n: PayloadAdapterNeeds): Adapter {
  const { payloads, clock } = n;
  const isTokenRequest = (): boolean => routeInProgress() === 'token';

  /** One poll in five seconds; the row is read by the statement that counts it. */
  const poll = async (id: string): Promise<OidcPayload | undefined> => {
    if (type === 'BackchannelAuthenticationRequest') await n.settleApproval(id);
    const since = expiry(clock, -TOLD_EXPIRED_SECONDS);
    const found = await payloads.poll(type, id, clock.now(), { notAfter: expiry(clock, -POLL_SECONDS), since });
    if (found === 'too_fast') throw new errors.SlowDown(`poll every ${POLL_SECONDS} seconds`);
    return found;
  };

  const standing = (ctx: object, id: string): ReturnType<OidcPayloads['findWithGround']> => {
    if (!SHOWN_A_TOKEN.has(routeInProgress() ?? '')) return payloads.findWithGround([type], id, clock.now());
    const known = lookups.get(ctx);
    if (known?.id === id) return known.found;
    const found = payloads.findWithGround(ANY_TOKEN, id, clock.now());
    lookups.set(ctx, { id, found });
    return found;
  };

  return {
    async upsert(id, payload, expiresIn) {
      const stored = storable(type, payload);
      const expiresAt = expiry(clock, expiresIn);
      const write = { type, id, payload: stored, expiresAt };
      // PostgreSQL keeps no NUL; nothing honest has one.
      if (JSON.stringify(stored).includes('\\u0000'))
        throw new errors.InvalidRequest('a parameter has a NUL character');
      if (type === 'ReplayDetection') {
        // The library looks first and writes then; here whoever writes first was first.
        if (await payloads.addOnce(type, id, stored, expiresAt)) return;
        throw Provider.ctx?.get('dpop')
          ? new errors.InvalidDpopProof('the DPoP proof or the client assertion was used before')
          : new errors.InvalidClientAuth('the client assertion was used before');
      }
      // Whatever ended a sign-in has taken its pause away: an answer that comes late does not bring it back.
      if (type === 'Interaction' && payload.result !== undefined) {
        if (oweResult(write)) return;
        if (await payloads.replace(type, id, stored, expiresAt)) return;
        throw new errors.SessionNotFound('the sign-in has ended');
      }
      if (type === 'Interaction') {
        const asked = askedBy(payload);
        // A step-up begins with what a session has shown: our row is opened where that is read.
        if (asked.prompt === 'login') {
          const transaction = newTransaction({ ...asked, uid: id, session: undefined }, expiresAt);
          return payloads.putPause(id, stored, transaction, clock.now());
        }
      }
      if (owe(write)) return;
      if (!(await payloads.put(type, id, stored, expiresAt)))
        throw new errors.InvalidRequest('the code is being used in another browser');
    },
    async find(id) {
      if (type === 'Grant') {
        const { grant } = groundInProgress() ?? {};
        if (grant?.id === id) return grant.payload;
      }
      if (STANDING.has(type) && Provider.ctx) {
        const found = await standing(Provider.ctx, id);
        if (found) standOn(found.ground);
        return found?.type === type ? found.payload : undefined;
      }
      const known = type === 'Interaction' ? pauseInProgress() : undefined;
      if (known?.id === id) return known.payload;
      // The library reads what a person has ended and takes it away then: here one of two at once has it. Where another
      // account is signed in it asks first, and the pause must stay.
      const isResumed = type === 'Interaction' && routeInProgress() === 'resume' && !sessionInProgress()?.accountId;
      const taken = isResumed ? await payloads.takePause(id, clock.now()) : undefined;
      // Somebody ended it just as it was being finished: what it would begin does not begin. That it was given up is told.
      const { login } = (taken?.payload.result ?? {}) as { login?: unknown };
      if (login !== undefined && taken?.transaction?.state === 'ended') return undefined;
      if (taken) {
        if (taken.signer) signInBy(taken.signer);
        if (login !== undefined && taken.transaction) resume(id);
        return taken.payload;
      }
      return POLLED.has(type) && isTokenRequest() ? poll(id) : payloads.find(type, id, clock.now());
    },
    findByUid: (uid) => payloads.findByUid(type, uid, clock.now()),
    async findByUserCode(userCode) {
      // Eight letters are a guess that can be repeated: it waits as any other does.
      const what = `user_code:${Provider.ctx?.ip ?? ''}`;
      const tried = await n.throttle.attempt(what, WAITS, clock.now());
      if (!tried.ok) throw new errors.SlowDown('too many wrong codes');
      const found = await payloads.findByUserCode(type, userCode, clock.now());
      if (found) await n.throttle.forgive(what);
      return found;
    },
    async consume(id) {
      // The library looks first and consumes then; of several at once, only the one that did it goes on.
      if (oweUse({ type, id })) return;
      if (await payloads.consume(type, id, clock.now())) return;
      if (type === 'PushedAuthorizationRequest') throw new errors.InvalidRequestUri('request_uri was used before');
      throw new errors.InvalidGrant(`${type} was used before`);
    },
    async destroy(id) {
      const isTaken = type === 'Interaction' && signerInProgress() !== undefined;
      if (!isTaken) await payloads.destroy(type, id);
    },
    revokeByGrantId: (grantId) => payloads.revokeByGrant(type, grantId),
  };
}

/** Without the bearer token itself, and without the session's cookie that an interaction carries along. */
function storable(type: string, payload: OidcPayload): OidcPayload {
  const { jti, ...rest } = payload;
  if (type === 'Interaction' && typeof rest.session === 'object' && rest.session !== null) {
    const { cookie, ...session } = rest.session as Record<string, unknown>;
    rest.session = session;
  }
  return KEEP_ID.has(type) ? { ...rest, jti } : rest;
}

/**
 * The library reads a session at the start of a request and writes it whole at the end. Five web apps opened at
 * once would lose each other's grants, and a silent renewal could revive a session that was signed out
 * (store/op-sessions.ts merges instead).
 */
export function sessionAdapter(sessions: OpSessions, payloads: OidcPayloads, clock: Clock): Adapter {
  return {
    async upsert(id, payload, expiresIn) {
      const { jti, ...stored } = payload;
      await sessions.put(
        {
          uid: payload.uid as string,
          id,
          oldId: sessionInProgress()?.oldId,
          signIn: resumedSignIn(),
          accountId: payload.accountId as string | undefined,
          payload: stored,
          replaceAuthorizations: routeInProgress() === 'end_session_confirm',
          expiresAt: expiry(clock, expiresIn),
          userAgent: (Provider.ctx?.get('user-agent') ?? '').slice(0, 500),
          ip: Provider.ctx?.ip ?? '',
        },
        clock.now(),
        payloads.puts(takePuts()),
      );
    },
    find: (id) => sessions.find(id, clock.now()),
    async findByUid(uid) {
      const { session } = groundInProgress() ?? {};
      return session?.uid === uid ? session.payload : sessions.findByUid(uid, clock.now());
    },
    async destroy(id) {
      const session = sessionInProgress();
      // A rotation of the id: the upsert that follows moves the row.
      if (session?.oldId === id) return;
      await sessions.revoke({ uid: session?.jti === id ? session.uid : undefined, id }, clock.now());
    },
    findByUserCode: none,
    consume: nothing,
    revokeByGrantId: nothing,
  };
}

/** Clients come from the database; nobody registers one over the network. */
export function clientAdapter(find: (id: string) => Promise<OidcPayload | undefined>): Adapter {
  return {
    find,
    findByUid: none,
    findByUserCode: none,
    upsert: nothing,
    consume: nothing,
    destroy: nothing,
    revokeByGrantId: nothing,
  };
}
