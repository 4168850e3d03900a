import { addSeconds, type Clock } from '../core/clock.ts';
import { cut } from '../core/text.ts';
import type { Mail, SendMail } from './mailer.ts';

/** Where mails are kept until they are handed over; given from the composition root, because mail knows no store. */
export interface MailKeeper {
  add(mail: { id: string; body: string; createdAt: Date }): Promise<void>;
  take(
    now: Date,
    againAt: Date,
    most: number,
  ): Promise<readonly { readonly id: string; readonly body: string; readonly attempts: number }[]>;
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
  /** Resolves when it is kept; it is sent soon after, here or by another instance. */
  add(mail: Mail, about: MailAbout): Promise<void>;
  /** Sends all that is due. */
  deliver(): Promise<void>;
}

/** After the nth attempt, in seconds: 23 hours in all. Longer than that, the links in it are no use. */
const WAITS = [60, 300, 900, 3600, 7200, 14_400, 28_800, 28_800];
/** Longer than an attempt can last: a worker that died gives its mails to another. */
const LEASE_SECONDS = 120;
const AT_ONCE = 5;

export function createMailQueue(n: {
  mails: MailKeeper;
  send: SendMail;
  clock: Clock;
  id: () => string;
  onOutcome: (outcome: MailOutcome) => Promise<void>;
}): MailQueue {
  const attempt = async ({ id, body, attempts }: Awaited<ReturnType<MailKeeper['take']>>[number]): Promise<void> => {
    const { about, ...mail } = JSON.parse(body) as Mail & { about: MailAbout };
    try {
      await n.send(mail);
    } catch (error) {
      // RFC 5321, section 4.2.1: a 5yz answer will not change.
      const isForGood = Number((error as { responseCode?: number }).responseCode) >= 500;
      const wait = isForGood ? undefined : WAITS[attempts - 1];
      await n.onOutcome({ sent: false, about, error, wait });
      if (wait === undefined) return n.mails.remove(id);
      return n.mails.retryAt(id, addSeconds(n.clock.now(), wait), cut((error as Error).message, 300));
    }
    await n.mails.remove(id);
    await n.onOutcome({ sent: true, about });
  };

  const deliverAll = async (): Promise<void> => {
    for (;;) {
      const now = n.clock.now();
      const due = await n.mails.take(now, addSeconds(now, LEASE_SECONDS), AT_ONCE);
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
    async add(mail, about) {
      await n.mails.add({ id: n.id(), body: JSON.stringify({ ...mail, about }), createdAt: n.clock.now() });
    },
    async deliver() {
      // One that goes on already may have looked before the newest came.
      await delivering;
      await deliver();
    },
  };
}
