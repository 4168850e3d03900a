import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeChallenge } from '../../src/authenticators/push/challenge.ts';
import { ACR_MFA } from '../../src/core/assurance.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createSealer } from '../../src/crypto/seal.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { createAccounts } from '../../src/store/accounts.ts';
import { createAuditStore, createEventOf } from '../../src/store/audit.ts';
import { createAuthenticators } from '../../src/store/authenticators.ts';
import { createBindingSessions } from '../../src/store/binding-sessions.ts';
import { type Challenges, createChallenges } from '../../src/store/challenges.ts';
import { type Database, type Fragment, openDatabase } from '../../src/store/database.ts';
import { createInvitations } from '../../src/store/invitations.ts';
import { createKnownPlaces } from '../../src/store/known-places.ts';
import { createLoginTransactions } from '../../src/store/login-transactions.ts';
import { createOidcPayloads } from '../../src/store/oidc-payloads.ts';
import { createOpSessions } from '../../src/store/op-sessions.ts';
import { createRecoveryCodes } from '../../src/store/recovery-codes.ts';
import { createThrottle } from '../../src/store/throttle.ts';
import { createUsedProofs } from '../../src/store/used-proofs.ts';
import { createWebauthnStore } from '../../src/store/webauthn.ts';
import { makeDatabase, type TestDatabase } from '../support/database.ts';
import { fulfilled, together } from '../support/together.ts';

/** Everything here is a race on a real PostgreSQL: of several at once, exactly one may win, 200 times. */
const TRIES = 200;
const AT_ONCE = 3;

let test: TestDatabase;
let db: Database;
let accountId: string;
let phoneId: string;
let challenges: Challenges;
const key = secretKey(randomBytes(32).toString('base64url'));
const sealer = createSealer(key);
const open = { clientId: 'app', prompt: 'login', requiredAcr: ACR_MFA, authTime: null } as const;
const eventOf = createEventOf(createSecretKey(systemRandom.bytes(32)), systemRandom);
const soon = () => new Date(Date.now() + 60_000);

beforeAll(async () => {
  test = await makeDatabase();
  db = openDatabase(test.url, 12);
  accountId = randomUUID();
  phoneId = randomUUID();
  challenges = createChallenges(db, sealer);
  await createAccounts(db).add({ id: accountId, email: 'race@example.org', displayName: 'Race' }, new Date());
  await createAuthenticators(db, sealer).add(
    { id: phoneId, accountId, kind: 'push', label: 'Phone', state: 'active' },
    new Date(),
  );
});
afterAll(async () => {
  await db.close();
  await test.drop();
});

const newChallenge = async (loginUid: string | null = null) => {
  const target = {
    channel: 'companion',
    accountId,
    loginUid,
    bindingId: null,
    authenticatorId: null,
    clientId: null,
  } as const;
  const context = {
    purpose: 'sign_in',
    client: 'App',
    browser: '',
    ip: '127.0.0.1',
    place: null,
    at: new Date().toISOString(),
  } as const;
  const challenge = makeChallenge(target, context, 2, systemRandom, new Date());
  await challenges.add(challenge, new Date());
  return challenge;
};

const winners = async (race: (attempt: number) => Promise<(index: number) => Promise<boolean>>): Promise<number[]> => {
  const counts: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const runner = await race(attempt);
    counts.push(fulfilled(await together(AT_ONCE, runner)).filter(Boolean).length);
  }
  return [...new Set(counts)];
};

describe('a denial', () => {
  it('has ended its sign-in when anybody can know of it', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const uid = randomUUID();
    await transactions.open({ ...open, uid, accountId, proofs: ['password'], expiresAt: soon() }, new Date());
    const { id } = await newChallenge(uid);
    await challenges.answer(id, 'denied', phoneId, new Date());
    expect(await transactions.byUid(uid)).toMatchObject({ state: 'ended', endReason: 'denied' });
  });
});

const finished = {
  action: 'sign_in.completed',
  object: 'client:app',
  result: 'success',
  origin: '192.0.2.1',
  actor: 'system',
} as const;

describe('a sign-in that was finished and not picked up', () => {
  it('ends with all of its account: its pause is gone, and an answer that comes late brings it back no more', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const payloads = createOidcPayloads(db, sealer, eventOf);
    const uid = randomUUID();
    await payloads.put('Interaction', uid, { params: {} }, soon());
    await transactions.open({ ...open, uid, accountId, proofs: ['password', 'totp'], expiresAt: soon() }, new Date());
    const write = { type: 'Interaction', id: uid, payload: { params: {}, result: { login: {} } }, expiresAt: soon() };
    const end = {
      ...{ accountId, isStrong: true, place: 'Utrecht', event: finished },
      pause: (of: Fragment) => payloads.replacing(write, of),
    };
    expect(await transactions.finish(uid, end, new Date())).toBe('first');
    expect((await payloads.findPause(uid, new Date()))?.payload).toMatchObject({ result: { login: {} } });
    expect(await transactions.finish(uid, end, new Date())).toBe('known');
    expect(await transactions.finish(uid, { ...end, place: 'Zwolle' }, new Date())).toBe('new');
    expect(await payloads.findPause(uid, new Date())).toBeDefined();
    await transactions.endAll(accountId, 'reset');
    expect(await payloads.replace('Interaction', uid, { params: {}, result: { login: {} } }, soon())).toBe(false);
    expect(await payloads.findPause(uid, new Date())).toBeUndefined();
    expect(await transactions.finish(uid, { ...end, place: 'Assen' }, new Date())).toBeUndefined();
    expect(await payloads.findPause(uid, new Date())).toBeUndefined();
    const lost = randomUUID();
    await transactions.open({ ...open, uid: lost, accountId, proofs: [], expiresAt: soon() }, new Date());
    const events = async () => (await db.sql`SELECT 1 FROM audit_event WHERE action = ${finished.action}`).length;
    const before = await events();
    // Its pause was picked up by another tab.
    expect(await transactions.finish(lost, { ...end, place: 'Delft' }, new Date())).toBeUndefined();
    expect(await events()).toBe(before);
    expect(await db.sql`SELECT count(*)::int AS count FROM known_place WHERE account_id = ${accountId}`).toEqual([
      { count: 2 },
    ]);
  });
});

describe('a sign-in that is being finished while all of its account ends', () => {
  it('has ended afterwards, whoever was first', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const payloads = createOidcPayloads(db, sealer, eventOf);
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const uid = randomUUID();
      const write = { type: 'Interaction', id: uid, payload: { params: {}, result: {} }, expiresAt: soon() };
      const end = {
        ...{ accountId, isStrong: true, place: 'Utrecht', event: finished },
        pause: (of: Fragment) => payloads.replacing(write, of),
      };
      await payloads.put('Interaction', uid, { params: {} }, soon());
      await transactions.open({ ...open, uid, accountId, proofs: ['password', 'totp'], expiresAt: soon() }, new Date());
      const results = await together(3, async (index) =>
        index < 2 ? transactions.finish(uid, end, new Date()) : transactions.endAll(accountId, 'reset'),
      );
      expect(fulfilled(results)).toHaveLength(3);
      expect((await transactions.byUid(uid))?.state).toBe('ended');
      // Ended before it was finished, its pause has no result; finished before, the pause went.
      expect((await payloads.findPause(uid, new Date()))?.payload.result).toBeUndefined();
    }
  });

  it('takes no proof any more, and forgives no failure', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const throttle = createThrottle(db, key);
    const uid = randomUUID();
    await transactions.open({ ...open, uid, accountId, proofs: [], expiresAt: soon() }, new Date());
    await transactions.end(uid, undefined, 'cancelled');
    await throttle.attempt('an ended sign-in', [0, 0, 0, 0], new Date());
    const shown = { accountId, proof: 'password', forgiven: throttle.counters('an ended sign-in') } as const;
    expect(await transactions.start(uid, shown, new Date())).toBeUndefined();
    expect(await throttle.attempt('an ended sign-in', [0, 0, 0, 0], new Date())).toEqual({ ok: true, value: 2 });
  });
});

describe('a password that is replaced while it is being compared', () => {
  it('begins no sign-in that stays, whoever was first, and neither fails', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const authenticators = createAuthenticators(db, sealer);
    const newPassword = { accountId, kind: 'password', label: 'password', state: 'active', secret: 'x' } as const;
    let authenticatorId: string = randomUUID();
    await authenticators.replacePassword({ ...newPassword, id: authenticatorId }, new Date());
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const uid = randomUUID();
      const id = randomUUID();
      await transactions.open({ ...open, uid, accountId: null, proofs: [], expiresAt: soon() }, new Date());
      const shown = { accountId, proof: 'password', authenticatorId, event: finished } as const;
      const results = await together(2, async (index) => {
        if (index === 0) {
          // Before the other change, in its middle, and when it is over.
          await setTimeout(attempt % 10);
          return transactions.start(uid, shown, new Date());
        }
        await authenticators.replacePassword({ ...newPassword, id }, new Date());
        return transactions.endAll(accountId, 'revoked');
      });
      expect(fulfilled(results)).toHaveLength(2);
      const { state, accountId: whose } = (await transactions.byUid(uid))!;
      expect(state === 'ended' || whose === null).toBe(true);
      expect(await transactions.start(uid, shown, new Date())).toBeUndefined();
      authenticatorId = id;
    }
  });
});

describe('what a sign-in lets its owner add, while everything of the account ends', () => {
  it('does not stay, whoever was first, and neither fails', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const authenticators = createAuthenticators(db, sealer);
    const bindings = createBindingSessions(db, sealer);
    const active = async () =>
      (await authenticators.ofAccount(accountId)).filter(
        ({ kind, state }) => kind === 'password' && state === 'active',
      );
    const counts = new Set<number>();
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const uid = randomUUID();
      const on = { signIn: uid };
      await transactions.open({ ...open, uid, accountId, proofs: ['password'], expiresAt: soon() }, new Date());
      const session = {
        id: randomUUID(),
        accountId,
        loginUid: uid,
        replacesId: null,
        basis: 'mfa',
        expiresAt: soon(),
      } as const;
      const password = {
        id: randomUUID(),
        accountId,
        kind: 'password',
        label: 'password',
        state: 'active',
        secret: 'x',
      } as const;
      const takeAway = () => authenticators.revokeAll(accountId, ['password'], new Date());
      const results = await together(3, async (index) => {
        await setTimeout(index === 2 ? 2 : attempt % 8);
        if (index === 0) return authenticators.replacePassword(password, new Date(), on);
        if (index === 1) return bindings.add(session, on, `token of ${uid}`, new Date());
        // In the order of `Reports.secure`.
        await takeAway();
        await transactions.endAll(accountId, 'reported');
        await bindings.endAll(accountId);
        await takeAway();
        return undefined;
      });
      expect(fulfilled(results)).toHaveLength(3);
      counts.add(fulfilled(results).filter((each) => each === true).length);
      expect(await active()).toEqual([]);
      expect(await bindings.byToken(`token of ${uid}`, new Date())).toBeUndefined();
      expect(await authenticators.replacePassword({ ...password, id: randomUUID() }, new Date(), on)).toBe(false);
      expect(await active()).toEqual([]);
    }
    // Sometimes they were first, sometimes not.
    expect(counts.size).toBeGreaterThan(1);
  });
});

describe('a session that a sign-in begins, while everything of the account ends', () => {
  it('is not there afterwards, whoever was first', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const sessions = createOpSessions(db);
    const ended = new Set<number>();
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const signIn = randomUUID();
      await transactions.open({ ...open, uid: signIn, accountId, proofs: ['password'], expiresAt: soon() }, new Date());
      await transactions.finish(signIn, { accountId, isStrong: true, place: 'Utrecht', event: finished }, new Date());
      const write = { uid: `of ${signIn}`, id: `id of ${signIn}`, oldId: undefined, accountId, signIn, payload: {} };
      const rest = { replaceAuthorizations: false, expiresAt: soon(), userAgent: '', ip: '' };
      const results = await together(2, async (index) => {
        await setTimeout(index === 1 ? 1 : attempt % 6);
        if (index === 0) return sessions.put({ ...write, ...rest }, new Date());
        await transactions.endAll(accountId, 'revoked');
        ended.add(await sessions.revokeAll(accountId, new Date()));
        return undefined;
      });
      expect(fulfilled(results)).toHaveLength(2);
      expect(await sessions.find(write.id, new Date())).toBeUndefined();
    }
    expect([...ended].sort()).toEqual([0, 1]);
  });
});

describe('exactly one of several at once', () => {
  it('answers a challenge', async () => {
    expect(
      await winners(async () => {
        const { id } = await newChallenge();
        return (index) => challenges.answer(id, index === 0 ? 'approved' : 'denied', phoneId, new Date());
      }),
    ).toEqual([1]);
  });

  it('uses an approval', async () => {
    expect(
      await winners(async () => {
        const { id } = await newChallenge();
        await challenges.answer(id, 'approved', phoneId, new Date());
        return () => challenges.use(id, new Date(0), new Date());
      }),
    ).toEqual([1]);
  });

  it('is an account’s password, and none of them fails', async () => {
    const authenticators = createAuthenticators(db, sealer);
    const before = await authenticators.ofAccount(accountId);
    const all = await together(8, () =>
      authenticators.replacePassword(
        { id: randomUUID(), accountId, kind: 'password', label: 'password', state: 'active', secret: 'x' },
        new Date(),
      ),
    );
    expect(all.filter(({ status }) => status === 'rejected')).toEqual([]);
    const after = await authenticators.ofAccount(accountId);
    expect(after.length - before.length).toBe(8);
    expect(after.filter(({ kind, state }) => kind === 'password' && state === 'active')).toHaveLength(1);
  });

  it('uses an enrolment code, and binds in its session', async () => {
    const bindings = createBindingSessions(db, sealer);
    expect(
      await winners(async (attempt) => {
        const session = {
          id: randomUUID(),
          accountId,
          loginUid: null,
          replacesId: null,
          basis: 'mfa' as const,
          expiresAt: soon(),
        };
        await bindings.add(session, { authenticator: phoneId }, `token ${attempt}`, new Date());
        const code = `code ${attempt}`;
        await bindings.addCode(
          { ...session, authenticatorId: null, state: 'open' },
          { code, expiresAt: soon() },
          new Date(),
        );
        return async () => (await bindings.useCode(code, new Date())).ok;
      }),
    ).toEqual([1]);
    expect(
      await winners(async (attempt) => {
        const session = {
          id: randomUUID(),
          accountId,
          loginUid: null,
          replacesId: null,
          basis: 'mfa' as const,
          expiresAt: soon(),
        };
        await bindings.add(session, { authenticator: phoneId }, `second token ${attempt}`, new Date());
        return () => bindings.bound(session.id, phoneId, new Date());
      }),
    ).toEqual([1]);
  });

  it('accepts a step of a code app, with one event of it; the others change nothing', async () => {
    const transactions = createLoginTransactions(db, eventOf, createKnownPlaces(key));
    const audit = createAuditStore(db, eventOf);
    const appId = randomUUID();
    await createAuthenticators(db, sealer).add(
      { id: appId, accountId, kind: 'totp', label: 'app', state: 'active', secret: 'x' },
      new Date(),
    );
    expect(
      await winners(async (attempt) => {
        // Each tab has a sign-in of its own, and the same code.
        const uids = await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            const uid = randomUUID();
            await transactions.open({ ...open, uid, accountId, proofs: ['password'], expiresAt: soon() }, new Date());
            return uid;
          }),
        );
        return async (index) => {
          const shown = {
            accountId,
            proof: 'totp',
            step: { authenticatorId: appId, step: attempt },
            event: { ...finished, action: 'code.verified', object: `step:${attempt}` },
          } as const;
          return (await transactions.prove(uids[index]!, shown, new Date())) !== undefined;
        };
      }),
    ).toEqual([1]);
    const told = await audit.list({ action: 'code.verified', limit: TRIES * AT_ONCE });
    expect(new Set(told.map(({ object }) => object)).size).toBe(TRIES);
    expect(told).toHaveLength(TRIES);
    const uid = randomUUID();
    await transactions.open({ ...open, uid, accountId, proofs: [], expiresAt: soon() }, new Date());
    const older = { accountId, proof: 'totp', step: { authenticatorId: appId, step: 3 }, event: finished } as const;
    expect(await transactions.prove(uid, older, new Date())).toBeUndefined();
    expect((await transactions.byUid(uid))?.proofs).toEqual([]);
    expect(await audit.list({ action: finished.action, accountId, limit: 1 })).toEqual([]);
  });

  it('uses a challenge of a passkey, for the sign-in that it was made for and as long as it counts', async () => {
    const webauthn = createWebauthnStore(db, key, systemRandom);
    const make = (): string => webauthn.newChallenge('sign_in:1', soon()).toString('base64url');
    expect(
      await winners(async () => {
        const challenge = make();
        return () => webauthn.useChallenge(challenge, 'sign_in:1', new Date());
      }),
    ).toEqual([1]);
    const challenge = make();
    expect(await webauthn.useChallenge(challenge, 'sign_in:2', new Date())).toBe(false);
    expect(await webauthn.useChallenge(challenge, 'sign_in:1', new Date(Date.now() + 61_000))).toBe(false);
    const other = (letter: string): string => (letter === 'B' ? 'C' : 'B');
    for (const strange of ['', 'AAAA', `${challenge.slice(0, -4)}BCBC`, `${other(challenge[0]!)}${challenge.slice(1)}`])
      expect(await webauthn.useChallenge(strange, 'sign_in:1', new Date())).toBe(false);
    expect(await webauthn.useChallenge(challenge, 'sign_in:1', new Date())).toBe(true);
    expect(await webauthn.useChallenge(`${challenge}=`, 'sign_in:1', new Date())).toBe(false);
  });

  it('picks up a sign-in that has ended', async () => {
    const payloads = createOidcPayloads(db, sealer, eventOf);
    expect(
      await winners(async (attempt) => {
        const uid = `pause ${attempt}`;
        await payloads.putPause(
          uid,
          { params: {} },
          { ...open, uid, accountId, proofs: [], expiresAt: soon() },
          new Date(),
        );
        expect(await payloads.takePause(uid, new Date())).toBeUndefined();
        await payloads.replace('Interaction', uid, { params: {}, result: { login: {} } }, soon());
        return async () => {
          const taken = await payloads.takePause(uid, new Date());
          expect(taken?.signer?.account.id ?? accountId).toBe(accountId);
          return taken !== undefined;
        };
      }),
    ).toEqual([1]);
  });

  it('consumes an authorization code, and shows a proof', async () => {
    const payloads = createOidcPayloads(db, sealer, eventOf);
    const proofs = createUsedProofs(db);
    expect(
      await winners(async (attempt) => {
        await payloads.put('AuthorizationCode', `code ${attempt}`, {}, soon());
        return () => payloads.consume('AuthorizationCode', `code ${attempt}`, new Date());
      }),
    ).toEqual([1]);
    expect(await winners(async (attempt) => () => proofs.use(`proof ${attempt}`, soon()))).toEqual([1]);
  });

  it('exchanges an authorization code for tokens, of which the others write none', async () => {
    const payloads = createOidcPayloads(db, sealer, eventOf);
    const given = (id: string) => ({ type: 'AccessToken', id, payload: { jti: id }, expiresAt: soon() });
    const event = { action: 'exchange tried', object: 'x', result: 'success', origin: 'test', actor: 'test' } as const;
    let token = 0;
    expect(
      await winners(async (attempt) => {
        await payloads.put('AuthorizationCode', `exchange ${attempt}`, {}, soon());
        const shown = { type: 'AuthorizationCode', id: `exchange ${attempt}` };
        return () => payloads.exchange(shown, [given(`exchanged ${token++}`)], event, new Date());
      }),
    ).toEqual([1]);
    const kept = async (): Promise<number> => {
      const found = Array.from({ length: token }, (_, n) => payloads.find('AccessToken', `exchanged ${n}`, new Date()));
      return (await Promise.all(found)).filter((each) => each !== undefined).length;
    };
    const [events] = await db.sql<{ count: string }>`SELECT count(*) FROM audit_event WHERE action = 'exchange tried'`;
    expect([await kept(), Number(events!.count)]).toEqual([TRIES, TRIES]);
    // Gone with its grant meanwhile.
    const gone = { type: 'AuthorizationCode', id: 'never there' };
    expect(await payloads.exchange(gone, [given(`exchanged ${token++}`)], event, new Date())).toBe(false);
    expect(await kept()).toBe(TRIES);
  });

  it('uses a recovery code, and an invitation', async () => {
    const recovery = createRecoveryCodes(db);
    const codes = Array.from({ length: TRIES }, (_, index) => `recovery ${index}`);
    await recovery.replace(
      { id: randomUUID(), accountId, kind: 'recovery_code', label: 'codes', state: 'active' },
      codes,
      new Date(),
    );
    expect(
      await winners(
        async (attempt) => async () => (await recovery.use(accountId, codes[attempt]!, new Date())) !== undefined,
      ),
    ).toEqual([1]);
    const invitations = createInvitations(db);
    expect(
      await winners(async (attempt) => {
        await invitations.add('first_administrator', `invitation ${attempt}`, new Date(), soon());
        return () => invitations.use('first_administrator', `invitation ${attempt}`, new Date());
      }),
    ).toEqual([1]);
  });
});

describe('counters under pressure', () => {
  it('give three guesses to a hundred answers at once', async () => {
    const { id } = await newChallenge();
    const guesses = fulfilled(await together(100, () => challenges.guess(id, 3, new Date())));
    expect(guesses.filter((each) => each !== undefined).sort()).toEqual([1, 2, 3]);
  });

  it('count every failure at once, and make everybody wait then', async () => {
    const throttle = createThrottle(db, key);
    const wait = [0, 0, 0, 0, 0, 30];
    const tries = fulfilled(await together(40, () => throttle.attempt('somebody', wait, new Date())));
    const counted = tries.flatMap((each) => (each.ok ? [each.value] : []));
    // Five get through, whatever the order: the wait is written by the statement that counts.
    expect(counted.sort()).toEqual([1, 2, 3, 4, 5]);
    const after = await throttle.attempt('somebody', wait, new Date());
    expect(after).toMatchObject({ ok: false, refusal: { code: 'wait' } });
    await throttle.forgive('somebody');
    expect(await throttle.attempt('somebody', wait, new Date())).toEqual({ ok: true, value: 1 });
  });

  it('leave one open challenge for an account, however many start at once', async () => {
    await together(20, () => newChallenge());
    const open = await challenges.openOfAccount(accountId, new Date());
    expect(open).toHaveLength(1);
  });
});

describe('what is stored', () => {
  it('holds no code, number, token or secret in the clear', async () => {
    const challenge = await newChallenge();
    await createOidcPayloads(db, sealer, eventOf).put(
      'AccessToken',
      'a bearer token to look for',
      { jti: 'x' },
      soon(),
    );
    const text = JSON.stringify([
      await db.sql`SELECT number_sealed, code_sealed, context FROM challenge WHERE id = ${challenge.id}`,
      await db.sql`SELECT * FROM oidc_payload`,
      await db.sql`SELECT * FROM throttle`,
    ]);
    for (const secret of [challenge.code, 'a bearer token to look for', 'somebody']) expect(text).not.toContain(secret);
    expect(await challenges.secrets(challenge.id)).toEqual({
      number: challenge.number,
      code: challenge.code,
      requestId: null,
    });
  });
});
