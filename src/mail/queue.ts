import { addSeconds, type Clock } from '../core/clock.ts';
import { cut } from '../core/text.ts';
import type { Mail, SendMail } from './mailer.ts';

/** Where mails are kept until they are handed over; given from the composition root, because mail knows no store. */
export interface MailKeeper {
  add(mail: { id: string; body: string; createdAt: Date; expiresAt: Date }): Promise<void>;
  take(
    now: Date,
    againAt: Date,
    most: number,
  ): Promise<
    readonly { readonly id: string; readonly body: string; readonly attempts: number; readonly expiresAt: Date }[]
  >;
  retryAt(id: string, at: Date, error: string): Promise<void>;
  remove(id: string): Promise<void>;
}

/** What a mail was for, in the log and in the audit log. */
export interface MailAbout {
  readonly notice: string;
  readonly accountId: string;
}

/** What became of a mail; `wait` in seconds where it is tried again. */
export type MailOutcome =
  | { readonly sent: true; readonly about: MailAbout }
  | { readonly sent: false; readonly about: MailAbout; readonly error: unknown; readonly wait: number | undefined };

/** Mails outlive a mail server that is down, and this process. */
export interface MailQueue {
  /**
   * Resolves when it is kept; it is sent soon after, here or by another instance.
   * @param seconds how long it is tried at most: as long as a link in it works
   */
  add(mail: Mail, about: MailAbout, seconds?: number): Promise<void>;
  /** Sends all that is due, unless it is stopped in between. */
  deliver(): Promise<void>;
  /** Begins with no more of them: what is due is sent by the next one that runs. */
  stop(): void;
}

const LONGEST_SECONDS = 86_400;
/** After the nth attempt, in seconds: 23 hours in all. */
const WAITS = [60, 300, 900, 3600, 7200, 14_400, 28_800, 28_800];
/** Longer than an attempt can last: a worker that died gives its mails to another. */
const LEASE_SECONDS = 600;
const AT_ONCE = 5;

export function createMailQueue(n: {
  mails: MailKeeper;
  send: SendMail;
  clock: Clock;
  id: () => string;
  onOutcome: (outcome: MailOutcome) => Promise<void>;
}): MailQueue {
  let isStopped = false;

  const attempt = async (mailOwed: Awaited<ReturnType<MailKeeper['take']>>[number]): Promise<void> => {
    const { id, body, attempts, expiresAt } = mailOwed;
    const { about, ...mail } = JSON.parse(body) as Mail & { about: MailAbout };
    try {
      if (expiresAt <= n.clock.now()) throw new Error('it waited longer than what it says holds');
      await n.send(mail);
    } catch (error) {
      const next = WAITS[attempts - 1];
      const isLate = next !== undefined && addSeconds(n.clock.now(), next) >= expiresAt;
      const wait = isLate || isNobody(error) ? undefined : next;
      await n.onOutcome({ sent: false, about, error, wait });
      if (wait === undefined) return n.mails.remove(id);
      return n.mails.retryAt(id, addSeconds(n.clock.now(), wait), cut((error as Error).message, 300));
    }
    await n.mails.remove(id);
    await n.onOutcome({ sent: true, about });
  };

  const deliverAll = async (): Promise<void> => {
    // What comes meanwhile is for whoever keeps it: under load this would not end.
    const now = n.clock.now();
    while (!isStopped) {
      const due = await n.mails.take(now, addSeconds(n.clock.now(), LEASE_SECONDS), AT_ONCE);
      if (due.length === 0) return;
      await Promise.all(due.map(attempt));
    }
  };
  let delivering: Promise<void> | undefined;
  const deliver = (): Promise<void> =>
    (delivering ??= deliverAll().finally(() => {
      delivering = undefined;
    }));

  return {
    async add(mail, about, seconds = LONGEST_SECONDS) {
      const createdAt = n.clock.now();
      const body = JSON.stringify({ ...mail, about });
      await n.mails.add({ id: n.id(), body, createdAt, expiresAt: addSeconds(createdAt, seconds) });
    },
    stop() {
      isStopped = true;
    },
    async deliver() {
      // One that goes on already may have looked before the newest came.
      await delivering;
      await deliver();
    },
  };
}

/**
 * Whether the mail server says that there is nobody with this address (RFC 5321, section 4.2.3; RFC 3463, 5.1.z). Every
 * other “no” may be about us, a wrong password for instance, and is tried again.
 */
function isNobody(error: unknown): boolean {
  const {
    command,
    responseCode = 0,
    response = '',
  } = error as {
    command?: string;
    responseCode?: number;
    response?: string;
  };
  if (command !== 'RCPT TO') return false;
  return (
    /^5\d\d[ -]5\.1\./.test(response) || ([550, 551, 553].includes(responseCode) && !/relay|5\.7\./i.test(response))
  );
}
