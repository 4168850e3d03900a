import { MOST_GUESSES } from '../authenticators/push/challenge.ts';
import type { AuthenticationResponseJSON, PushGate } from '../authenticators/push/gate.ts';
import { isRightAnswer, type VerifyAnswer } from '../authenticators/push/verify.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { Challenge, ChallengeState, Challenges } from '../store/challenges.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import { type Audit, byPhone } from './audit.ts';
import { isFor, type Phone } from './companion.ts';
import type { Reports } from './reports.ts';

export interface PhoneAnswer {
  /** Signed by the phone's key. */
  readonly jws: string;
  /** By the phone's own passkey over the digest of `jws`, where it has one. */
  readonly assertion?: AuthenticationResponseJSON | undefined;
}

/**
 * Takes a phone's answer to a challenge.
 * Refusals: `challenge_unknown`, `challenge_closed`, `challenge_expired`, `answer_invalid`, `wrong_number`
 * (with `triesLeft`), `push_frozen`, `gate_required`, `gate_invalid`.
 */
type AnsweredState = 'approved' | 'denied' | 'reported' | 'wrong_number' | 'answer_refused';

export type TakeAnswer = (
  phone: Phone,
  challengeId: string,
  answer: PhoneAnswer,
  origin: Origin,
) => Promise<Result<ChallengeState>>;

export interface AnswerNeeds {
  authenticators: Authenticators;
  challenges: Challenges;
  transactions: LoginTransactions;
  verifyAnswer: VerifyAnswer;
  gate: PushGate;
  reports: Reports;
  /** Brings an answer to the web app that asked. */
  tellWebApp(challenge: Challenge): Promise<void>;
  audit: Audit;
  clock: Clock;
}

export function createTakeAnswer(n: AnswerNeeds): TakeAnswer {
  /** What an answer leaves in the audit log: the signature is the evidence. */
  const record = (
    phone: Phone,
    challenge: Challenge,
    state: AnsweredState,
    jws: string,
    origin: Origin,
  ): Promise<void> =>
    n.audit({
      action: `challenge.${state}`,
      object: `challenge:${challenge.id}`,
      result: state === 'approved' ? 'success' : 'refused',
      ...byPhone(phone, origin),
      detail: { evidence: jws, key: phone.authenticator.publicJwk, context: challenge.context },
    });

  /** "This was not me": somebody else has the password. */
  const report = async (phone: Phone, challenge: Challenge, origin: Origin): Promise<void> => {
    const { account } = phone;
    const transaction = challenge.loginUid ? await n.transactions.byUid(challenge.loginUid) : undefined;
    const { client, ip } = challenge.context;
    await n.reports.secure({
      account,
      origin,
      actor: `authenticator:${phone.authenticator.id}`,
      wasPasswordUsed: challenge.purpose === 'enrolment_test' || transaction?.proofs.includes('password') === true,
      toOwner: { kind: 'not_me_reported', client, ip },
      toAdministrators: { kind: 'not_me_alert', email: account.email, client, ip },
      detail: { challenge: challenge.id },
    });
  };

  const close = async (
    phone: Phone,
    challenge: Challenge,
    state: 'approved' | 'denied' | 'reported' | 'wrong_number',
    jws: string,
    origin: Origin,
    isUserVerified = false,
  ): Promise<boolean> => {
    const { id } = phone.authenticator;
    if (!(await n.challenges.answer(challenge.id, state, id, n.clock.now(), isUserVerified))) return false;
    await record(phone, challenge, state, jws, origin);
    if (state === 'approved') await n.authenticators.touch(phone.authenticator.id, n.clock.now());
    if (state === 'reported') await report(phone, challenge, origin);
    if (challenge.purpose === 'client_approval') await n.tellWebApp(challenge);
    return true;
  };

  const closedNow = async (id: string): Promise<Result<never>> => {
    const challenge = await n.challenges.byId(id);
    return refuse(challenge?.state === 'open' ? 'challenge_expired' : 'challenge_closed');
  };

  return async (phone, challengeId, { jws, assertion }, origin) => {
    const challenge = await n.challenges.byId(challengeId);
    if (!challenge || !isFor(phone, challenge)) return refuse('challenge_unknown');
    const verified = await n.verifyAnswer(jws, phone.authenticator, challenge);
    if (!verified.ok) {
      await record(phone, challenge, 'answer_refused', jws.slice(0, 2000), origin);
      return verified;
    }
    const now = n.clock.now();
    if (challenge.state !== 'open') return refuse('challenge_closed');
    if (challenge.expiresAt <= now) return refuse('challenge_expired');
    const { decision } = verified.value;
    if (decision !== 'approve') {
      const state = decision === 'deny' ? 'denied' : 'reported';
      return (await close(phone, challenge, state, jws, origin)) ? accept(state) : closedNow(challengeId);
    }
    if (phone.account.pushFrozenAt && challenge.purpose !== 'enrolment_test') return refuse('push_frozen');
    // A phone that has a passkey of its own approves with it, always: over this very answer.
    const { gate } = phone.authenticator;
    if (gate) {
      const passed = assertion ? await n.gate.verify(gate, jws, assertion) : refuse('gate_required');
      if (!passed.ok) return passed;
      await n.authenticators.countGate(phone.authenticator.id, passed.value);
    }
    // The guess is taken before the number is looked at: a hundred answers at once have three guesses too.
    const guesses = await n.challenges.guess(challenge.id, MOST_GUESSES, now);
    if (guesses === undefined) return closedNow(challengeId);
    const secrets = await n.challenges.secrets(challenge.id);
    if (secrets && isRightAnswer(verified.value, secrets)) {
      return (await close(phone, challenge, 'approved', jws, origin, gate !== null))
        ? accept('approved')
        : closedNow(challengeId);
    }
    const triesLeft = MOST_GUESSES - guesses;
    if (triesLeft <= 0) await close(phone, challenge, 'wrong_number', jws, origin);
    else await record(phone, challenge, 'wrong_number', jws, origin);
    return refuse('wrong_number', { triesLeft });
  };
}
