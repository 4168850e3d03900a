import { HARD_CAP_SECONDS, MOST_GUESSES, makeChallenge, SHOWN_SECONDS } from '../authenticators/push/challenge.ts';
import type { DeliverPush } from '../authenticators/push/deliver.ts';
import { isShownCode } from '../authenticators/store-app/verify.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock, secondsBetween, secondsUntil } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { type PushBudget, pushBudget } from '../policy/push-budget.ts';
import type { Account } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type {
  ApprovalSubject,
  Challenge,
  ChallengeChannel,
  ChallengePurpose,
  Challenges,
} from '../store/challenges.ts';
import type { Clients } from '../store/clients.ts';
import type { PushSubscriptions } from '../store/push-subscriptions.ts';
import { type Audit, byAccount } from './audit.ts';
import type { Notify } from './notices.ts';

export type { PushBudget };

export interface ApprovalRequest {
  readonly account: Account;
  readonly purpose: ChallengePurpose;
  readonly channel: ChallengeChannel;
  readonly loginUid: string | null;
  readonly bindingId: string | null;
  /** The only phone that may answer; without it, all of the account's. */
  readonly authenticatorId: string | null;
  readonly clientId: string | null;
  readonly origin: Origin;
  /** Start nothing where this sign-in has had a challenge already. */
  readonly onlyFirst?: boolean;
  /** What is approved, and the web app's request for it, where it is not a sign-in. */
  readonly about?: ApprovalSubject;
  readonly requestId?: string;
  /** The actor who may follow and use it, where the helpdesk asks. */
  readonly askedBy?: string;
}

/** A challenge that was started, with the number that only whoever asked may show. */
export interface Started {
  readonly challengeId: string;
  readonly number: string;
}

/** What the laptop shows while it waits. */
export interface Waiting {
  readonly challenge: Challenge;
  readonly number: string;
  /** The address in the QR code, with its 128 bits in the fragment. */
  readonly qrUrl: string;
  readonly secondsLeft: number;
}

export interface Approvals {
  /** Refusals: `wait` (the push budget), `push_exhausted`, `push_frozen`. @returns undefined for `onlyFirst`'s second */
  start(request: ApprovalRequest): Promise<Result<Started | undefined>>;
  budget(accountId: string, purpose: ChallengePurpose): Promise<PushBudget>;
  /** Whether it can still be answered. */
  isOpen(challenge: Challenge): boolean;
  /** Whether a store app has approved it, and the code that it shows can still be typed. */
  isCodeDue(challenge: Challenge): boolean;
  /** What to show for a challenge that is still open; undefined where it is answered, replaced or expired. */
  waiting(challenge: Challenge): Promise<Waiting | undefined>;
  /** Uses an approval, once. @returns false for anything but a fresh approval */
  use(challenge: Challenge): Promise<boolean>;
  /**
   * Uses the approval of a store app with the code that it showed. Refusals: `code_wrong` (with `triesLeft`),
   * `challenge_closed` where there is nothing to use, or no guess is left.
   */
  useWithCode(challenge: Challenge, code: string): Promise<Result<void>>;
  /** Resolves when all messages that are on their way have been handed over. */
  settled(): Promise<void>;
}

export interface ApprovalsNeeds {
  authenticators: Authenticators;
  challenges: Challenges;
  clients: Clients;
  subscriptions: PushSubscriptions;
  deliver: DeliverPush;
  /** A place in words for an address, where a local file knows it. */
  placeOf(ip: string): string | null;
  /** The generic words of a notification, in the person's language. */
  pushText(account: Account): { title: string; body: string };
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
  organisation: Organisation;
  numberLength: number;
}

/** A phone that can approve. */
export const isActivePhone = ({ kind, state }: Pick<Authenticator, 'kind' | 'state'>): boolean =>
  kind === 'push' && state === 'active';

/** The code that a store app shows: as long as NIST SP 800-63B-4, section 3.1.3.2 asks. */
const APP_CODE_LENGTH = 6;

/** After this the push budget starts anew. */
const BUDGET_WINDOW_SECONDS = 86_400;

export function createApprovals(n: ApprovalsNeeds): Approvals {
  const onTheirWay = new Set<Promise<void>>();

  const budget = async (accountId: string, purpose: ChallengePurpose): Promise<PushBudget> => {
    const now = n.clock.now();
    return pushBudget(
      await n.challenges.sentSinceSuccess(accountId, purpose, addSeconds(now, -BUDGET_WINDOW_SECONDS)),
      now,
    );
  };

  /** Wakes every phone that may answer. One that fails never fails the challenge. */
  const wake = async (challenge: { id: string; authenticatorId: string | null }, account: Account): Promise<void> => {
    const phones = (await n.authenticators.ofAccount(account.id)).filter((a) =>
      challenge.authenticatorId ? a.id === challenge.authenticatorId : isActivePhone(a),
    );
    const subscriptions = await n.subscriptions.of(phones.map(({ id }) => id));
    const { title, body } = n.pushText(account);
    await Promise.all(
      subscriptions.map(async (subscription) => {
        const began = n.clock.now();
        const { delivery, detail } = await n.deliver(subscription, {
          challengeId: challenge.id,
          title,
          body,
          ttlSeconds: SHOWN_SECONDS,
          topic: account.id.replaceAll('-', ''),
        });
        if (delivery === 'accepted') await n.subscriptions.accepted(subscription.authenticatorId, n.clock.now());
        if (delivery === 'gone' && (await n.subscriptions.removeDead(subscription))) {
          const phone = phones.find(({ id }) => id === subscription.authenticatorId);
          n.notify(account, { kind: 'phone_unreachable', label: phone?.label ?? '' });
        }
        await n.audit({
          action: 'push.sent',
          object: `authenticator:${subscription.authenticatorId}`,
          result: delivery === 'accepted' ? 'success' : 'failure',
          origin: 'system',
          actor: 'system',
          accountId: account.id,
          detail: {
            challenge: challenge.id,
            delivery,
            status: detail,
            seconds: secondsBetween(began, n.clock.now()),
          },
        });
      }),
    );
  };

  return {
    budget,
    async start({ account, purpose, origin, onlyFirst, about, ...target }) {
      // A new phone, after a recovery code, may be tested all the same.
      if (account.pushFrozenAt && purpose !== 'enrolment_test') return refuse('push_frozen');
      const now = n.clock.now();
      const client = target.clientId ? await n.clients.byId(target.clientId) : undefined;
      const context = {
        purpose,
        client: client?.name ?? n.organisation.name,
        // Who asks for an approval is a server or the helpdesk: where that is says nothing to anybody.
        ...(about
          ? { browser: '', ip: '', place: null, about }
          : { browser: origin.browser, ip: origin.ip, place: n.placeOf(origin.ip) }),
        at: now.toISOString(),
      };
      const challenge = makeChallenge(
        { ...target, accountId: account.id },
        context,
        target.channel === 'store_app' ? APP_CODE_LENGTH : n.numberLength,
        n.random,
        now,
      );
      const added = await n.challenges.add(challenge, now, {
        onlyFirst: onlyFirst ?? false,
        since: addSeconds(now, -BUDGET_WINDOW_SECONDS),
        allows: (sentAt) => pushBudget(sentAt, now).may === 'send',
      });
      if (added.outcome === 'there_is_one') return accept(undefined);
      if (added.outcome === 'refused') {
        const left = pushBudget(added.sentAt, now);
        return left.may === 'wait' ? refuse('wait', { retryAfterSeconds: left.seconds }) : refuse('push_exhausted');
      }
      await n.audit({
        action: 'challenge.issued',
        object: `challenge:${challenge.id}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: { purpose, channel: target.channel, client: target.clientId, replaced: added.replaced, about },
      });
      // Nobody but its maker can wake a store app: it asks when it is opened.
      const started = { challengeId: challenge.id, number: challenge.number };
      if (target.channel === 'store_app') return accept(started);
      const sending: Promise<void> = wake(challenge, account)
        .catch(() => {})
        .finally(() => onTheirWay.delete(sending));
      onTheirWay.add(sending);
      return accept(started);
    },
    isCodeDue: ({ channel, state, usedAt, guesses, createdAt }) =>
      channel === 'store_app' &&
      state === 'approved' &&
      usedAt === null &&
      guesses < MOST_GUESSES &&
      addSeconds(createdAt, HARD_CAP_SECONDS) > n.clock.now(),
    isOpen: ({ state, expiresAt }) => state === 'open' && expiresAt > n.clock.now(),
    async waiting(challenge) {
      const now = n.clock.now();
      if (challenge.state !== 'open' || challenge.expiresAt <= now || challenge.channel !== 'companion')
        return undefined;
      const secrets = await n.challenges.secrets(challenge.id);
      return (
        secrets && {
          challenge,
          number: secrets.number,
          qrUrl: `${n.publicUrl}/app#q=${secrets.code}`,
          secondsLeft: secondsUntil(now, challenge.expiresAt),
        }
      );
    },
    async use(challenge) {
      const now = n.clock.now();
      return (
        challenge.channel === 'companion' &&
        challenge.state === 'approved' &&
        (await n.challenges.use(challenge.id, addSeconds(now, -HARD_CAP_SECONDS), now))
      );
    },
    async useWithCode(challenge, code) {
      const now = n.clock.now();
      if (challenge.channel !== 'store_app') return refuse('challenge_closed');
      const youngEnough = addSeconds(now, -HARD_CAP_SECONDS);
      const guesses = await n.challenges.guessAfterApproval(challenge.id, MOST_GUESSES, youngEnough);
      const secrets = guesses === undefined ? undefined : await n.challenges.secrets(challenge.id);
      if (guesses === undefined || !secrets) return refuse('challenge_closed');
      if (!isShownCode(code, secrets)) {
        const triesLeft = MOST_GUESSES - guesses;
        if (triesLeft <= 0) await n.challenges.spoil(challenge.id);
        return refuse('code_wrong', { triesLeft });
      }
      const isUsed = await n.challenges.use(challenge.id, youngEnough, now);
      return isUsed ? accept(undefined) : refuse('challenge_closed');
    },
    async settled() {
      await Promise.all(onTheirWay);
    },
  };
}
