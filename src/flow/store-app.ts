import type { KeyObject } from 'node:crypto';
import { isFromPhone } from '../authenticators/store-app/verify.ts';
import {
  challengeForApp,
  enrolmentAddress,
  isTimely,
  ownKeyForApp,
  readPhoneKey,
  serialOf,
} from '../authenticators/store-app/wire.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { normalizeTypedCode } from '../core/typed-code.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators, RsaPublicKey } from '../store/authenticators.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { Challenge, Challenges } from '../store/challenges.ts';
import type { Approvals } from './approvals.ts';
import { type Audit, byPhone } from './audit.ts';
import { type BindingView, offerCode } from './binding.ts';
import type { AnnounceBound } from './bound.ts';
import type { Notify } from './notices.ts';

/** An answer as the app posts it. */
export interface AppAnswer {
  readonly serial: string;
  readonly nonce: string;
  readonly signature: string;
  readonly isDecline: boolean;
  /** `unknown_trigger`: "I did not start this". */
  readonly declineReason: string | undefined;
}

/** The code that the phone shows after an approval. */
export interface AppReply {
  readonly code: string | undefined;
}

/**
 * An authenticator app from a store, which nobody but its maker can wake: it asks when it is opened, and shows a code
 * after an approval that is typed at the laptop. Somebody who only taps gives nothing away.
 */
export interface StoreApp {
  /** The address for the QR code, while the enrolment is open. */
  offer(view: BindingView): Promise<string>;
  /** Refusals: the `enrolment_code_*`, `key_invalid`, `key_in_use`. @returns our own key, as the app reads it */
  enrol(serial: string, credential: string, publicKey: string, origin: Origin): Promise<Result<{ publicKey: string }>>;
  /** What waits for this phone, signed. Refusal: `proof_invalid`. */
  poll(serial: string, timestamp: string, signature: string): Promise<Result<readonly Record<string, string>[]>>;
  /** The app tells, at each start, that it still cannot be woken. Refusal: `proof_invalid`. */
  isUpdateGenuine(serial: string, timestamp: string, token: string, signature: string): Promise<boolean>;
  /** The same answer again gets the same reply. Refusals: `proof_invalid`, `challenge_closed`, `challenge_unknown`. */
  answer(answer: AppAnswer, origin: Origin): Promise<Result<AppReply>>;
  /** Uses the test's approval with the code from the phone. Refusals: those of `Approvals.useWithCode`, `binding_not_ready`. */
  completeTest(view: BindingView, code: string, origin: Origin): Promise<Result<void>>;
}

export interface StoreAppNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  bindings: BindingSessions;
  challenges: Challenges;
  approvals: Approvals;
  announceBound: AnnounceBound;
  /** Our key for this app, made on first use. */
  key(): Promise<KeyObject>;
  /** What the app asks its owner, in their language: a title, and some lines. */
  words(account: Account, challenge: Challenge): { title: string; question: string };
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
  organisation: Organisation;
}

const POLL_WINDOW_SECONDS = 60;
const UPDATE_WINDOW_SECONDS = 300;

export function createStoreApp(n: StoreAppNeeds): StoreApp {
  const phoneOf = async (serial: string): Promise<{ authenticator: Authenticator; account: Account } | undefined> => {
    const authenticator = await n.authenticators.byThumbprint(serial);
    if (authenticator?.kind !== 'store_app' || !['active', 'pending'].includes(authenticator.state)) return undefined;
    const account = await n.accounts.byId(authenticator.accountId);
    return account?.status === 'active' ? { authenticator, account } : undefined;
  };

  const isFor = (authenticator: Authenticator, challenge: Challenge): boolean =>
    challenge.channel === 'store_app' &&
    challenge.accountId === authenticator.accountId &&
    (challenge.authenticatorId === null
      ? authenticator.state === 'active'
      : challenge.authenticatorId === authenticator.id);

  return {
    async offer(view) {
      const { session, account } = view;
      const { typed, secondsLeft } = await offerCode(n, session);
      return enrolmentAddress({
        publicUrl: n.publicUrl,
        email: account.email,
        organisation: n.organisation.name,
        credential: normalizeTypedCode(typed),
        minutes: Math.max(1, Math.floor(secondsLeft / 60)),
      });
    },

    async enrol(serial, credential, publicKey, origin) {
      const now = n.clock.now();
      const key = readPhoneKey(publicKey);
      if (!key) return refuse('key_invalid');
      const code = normalizeTypedCode(credential);
      if (serial !== serialOf(code)) return refuse('enrolment_code_unknown');
      const used = await n.bindings.useCode(code, now);
      if (!used.ok) return used;
      const { id, accountId } = used.value;
      const account = await n.accounts.byId(accountId);
      if (account?.status !== 'active') return refuse('enrolment_code_unknown');
      const { kty, n: modulus, e } = key.export({ format: 'jwk' }) as RsaPublicKey;
      const authenticator = {
        id: n.random.uuid(),
        accountId,
        kind: 'store_app',
        label: 'privacyIDEA Authenticator',
        state: 'pending',
        publicJwk: { kty, n: modulus, e },
        thumbprint: serial,
      } as const;
      const added = await n.authenticators.add(authenticator, now);
      if (!added.ok) return added;
      if (!(await n.bindings.bound(id, authenticator.id, now))) {
        await n.authenticators.move(authenticator.id, ['pending'], 'revoked', now);
        return refuse('enrolment_code_used');
      }
      await n.audit({
        action: 'authenticator.bound',
        object: `authenticator:${authenticator.id}`,
        result: 'success',
        ...byPhone({ authenticator, account }, origin),
        detail: { kind: 'store_app', serial },
      });
      return accept({ publicKey: ownKeyForApp(await n.key()) });
    },

    async poll(serial, timestamp, signature) {
      const phone = await phoneOf(serial);
      const now = n.clock.now();
      const isGenuine =
        phone &&
        isTimely(timestamp, now, POLL_WINDOW_SECONDS) &&
        isFromPhone(phone.authenticator, `${serial}|${timestamp}`, signature);
      if (!isGenuine) return refuse('proof_invalid');
      const key = await n.key();
      const open = await n.challenges.openOfAccount(phone.account.id, now);
      return accept(
        open
          .filter((challenge) => isFor(phone.authenticator, challenge))
          .map((challenge) =>
            challengeForApp(
              { nonce: challenge.id, serial, ...n.words(phone.account, challenge), publicUrl: n.publicUrl },
              key,
            ),
          ),
      );
    },

    async isUpdateGenuine(serial, timestamp, token, signature) {
      const phone = await phoneOf(serial);
      return (
        phone !== undefined &&
        isTimely(timestamp, n.clock.now(), UPDATE_WINDOW_SECONDS) &&
        isFromPhone(phone.authenticator, `${token}|${serial}|${timestamp}`, signature)
      );
    },

    async answer({ serial, nonce, signature, isDecline, declineReason }, origin) {
      const phone = await phoneOf(serial);
      const challenge = phone && (await n.challenges.byId(nonce));
      if (!phone || !challenge || !isFor(phone.authenticator, challenge)) return refuse('challenge_unknown');
      const { authenticator, account } = phone;
      const said = [nonce, serial, ...(isDecline ? ['decline', ...(declineReason ? [declineReason] : [])] : [])].join(
        '|',
      );
      const event = {
        object: `challenge:${challenge.id}`,
        ...byPhone(phone, origin),
        detail: { evidence: `${said} ${signature}`, context: challenge.context, reason: declineReason },
      };
      if (!isFromPhone(authenticator, said, signature)) {
        await n.audit({ ...event, action: 'challenge.answer_refused', result: 'refused' });
        return refuse('proof_invalid');
      }
      const codeOf = async (): Promise<AppReply> => ({
        code: isDecline ? undefined : (await n.challenges.secrets(challenge.id))?.number,
      });
      if (account.pushFrozenAt && challenge.purpose === 'sign_in' && !isDecline) return refuse('challenge_closed');
      const now = n.clock.now();
      const state = isDecline ? 'denied' : 'approved';
      if (await n.challenges.answer(challenge.id, state, authenticator.id, now, false, signature)) {
        await n.audit({ ...event, action: `challenge.${state}`, result: isDecline ? 'refused' : 'success' });
        if (!isDecline) await n.authenticators.touch(authenticator.id, now);
        if (declineReason === 'unknown_trigger') await alarm(account, challenge);
        return accept(await codeOf());
      }
      // Our reply was lost, and the app sends its answer again.
      const isSame = (await n.challenges.answerSignature(challenge.id)) === signature;
      return isSame ? accept(await codeOf()) : refuse('challenge_closed');
    },

    async completeTest(view, code, origin) {
      const { session, account, authenticator, test } = view;
      if (session.state !== 'bound' || authenticator?.kind !== 'store_app' || !test) return refuse('binding_not_ready');
      const used = await n.approvals.useWithCode(test, code);
      if (!used.ok) return used;
      if (!(await n.bindings.complete(session, n.clock.now()))) return refuse('binding_not_ready');
      await n.announceBound({ session, account }, authenticator, 'push', origin, { challenge: test.id });
      return accept(undefined);
    },
  };

  /** "I did not start this": somebody else has the password. The sign-in has ended; people are told. */
  async function alarm(account: Account, { context }: Challenge): Promise<void> {
    const { client, ip } = context;
    n.notify(account, { kind: 'declined_unknown', client, ip });
    for (const other of await n.accounts.withRole(['owner', 'administrator']))
      n.notify(other, { kind: 'declined_alert', email: account.email, client, ip });
  }
}
