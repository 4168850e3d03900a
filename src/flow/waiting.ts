import { type Clock, secondsUntil } from '../core/clock.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { Challenges } from '../store/challenges.ts';
import type { Signals } from '../store/signals.ts';

/** Somebody waits: a laptop for its phone, a phone for work. Each returns how to stop waiting. */
export interface Waiting {
  /** Calls once, as soon as the challenge is answered, replaced or expired (perhaps at once). */
  forChallenge(id: string, changed: () => void): () => void;
  /** Calls once, as soon as a phone is bound in this session, or the session ends. */
  forBinding(token: string, changed: () => void): () => void;
  /** Calls each time something about an account's challenges may have changed. */
  forAccount(accountId: string, changed: () => void): () => void;
}

export interface WaitingNeeds {
  signals: Signals;
  challenges: Challenges;
  bindings: BindingSessions;
  clock: Clock;
}

export function createWaiting(n: WaitingNeeds): Waiting {
  /** Looks now, at each signal and at `lookAgainAt`, until `isOver`. */
  const until = (
    topic: string,
    isOver: () => Promise<{ over: boolean; lookAgainAt?: Date }>,
    changed: () => void,
  ): (() => void) => {
    let isDone = false;
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      isDone = true;
      clearTimeout(timer);
      off();
    };
    const look = async (): Promise<void> => {
      if (isDone) return;
      try {
        const { over, lookAgainAt } = await isOver();
        if (isDone) return;
        if (over) {
          stop();
          changed();
        } else if (lookAgainAt) {
          clearTimeout(timer);
          timer = setTimeout(look, secondsUntil(n.clock.now(), lookAgainAt) * 1000 + 100);
          timer.unref();
        }
      } catch {
        // The database is away: the next signal, or the page's own reload, looks again.
      }
    };
    const off = n.signals.on(topic, () => void look());
    void look();
    return stop;
  };

  return {
    forChallenge: (id, changed) =>
      until(
        `challenge:${id}`,
        async () => {
          const challenge = await n.challenges.byId(id);
          const isOpen = challenge?.state === 'open' && challenge.expiresAt > n.clock.now();
          return isOpen ? { over: false, lookAgainAt: challenge.expiresAt } : { over: true };
        },
        changed,
      ),
    forBinding(token, changed) {
      let stop = (): void => {};
      let isStopped = false;
      void n.bindings.byToken(token, n.clock.now()).then(
        (session) => {
          if (isStopped) return;
          if (!session) return changed();
          stop = until(
            `binding:${session.id}`,
            async () => {
              const now = await n.bindings.byToken(token, n.clock.now());
              return now?.state === 'open' ? { over: false, lookAgainAt: now.expiresAt } : { over: true };
            },
            changed,
          );
        },
        () => {},
      );
      return () => {
        isStopped = true;
        stop();
      };
    },
    forAccount: (accountId, changed) => n.signals.on(`account:${accountId}`, changed),
  };
}
