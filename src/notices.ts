import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { Organisation } from './core/organisation.ts';
import { type Random, token256 } from './core/random.ts';
import type { Audit } from './flow/audit.ts';
import { isAlarm, type Notice, type Notify } from './flow/notices.ts';
import { RESET_SECONDS } from './flow/password-links.ts';
import { notMeUntil } from './flow/reports.ts';
import { DEFAULT_LOCALE } from './i18n/translate.ts';
import { createRenderMail } from './mail/html.ts';
import { createMailer } from './mail/mailer.ts';
import { mailFor } from './mail/notices.ts';
import { createMailQueue } from './mail/queue.ts';
import type { Account } from './store/accounts.ts';
import type { MailLinks } from './store/mail-links.ts';
import type { Mails } from './store/mails.ts';

/** How long a link in a mail works, where that is less than a mail is tried for. */
const USEFUL_SECONDS: Partial<Record<Notice['kind'], number>> = { password_reset: RESET_SECONDS };
const LAST_TRY_MS = 15_000;

/** Notices to people, by mail: to all their addresses, with a way to say "this was not me" where it may be. */
export function openNotices(n: {
  config: Config;
  organisation: Organisation;
  mailLinks: MailLinks;
  mails: Mails;
  audit: Audit;
  clock: Clock;
  random: Random;
  log: Logger;
}): {
  notify: Notify;
  /** Sends what is due: what could not be handed over before, or was kept by an instance that died. */
  deliverMails(): Promise<void>;
  /** Resolves when all that are on their way have been handed over, or tried once. */
  close(): Promise<void>;
} {
  const { config, log } = n;
  const mailer = createMailer(config.smtpUrl, config.mailFrom, join(config.dataDir, 'outbox'), n.random.uuid);
  const queue = createMailQueue({
    mails: n.mails,
    send: mailer.send,
    clock: n.clock,
    id: n.random.uuid,
    async onOutcome(outcome) {
      const { notice, accountId } = outcome.about;
      const about = { notice, account: accountId };
      if (outcome.sent) log.info(about, config.smtpUrl ? 'mail sent' : 'mail written to the outbox');
      else if (outcome.wait !== undefined)
        log.warn({ ...about, err: outcome.error, seconds: outcome.wait }, 'mail could not be sent; trying again');
      else {
        log.error({ ...about, err: outcome.error }, 'mail given up');
        await n.audit({
          action: 'mail.given_up',
          object: `account:${accountId}`,
          result: 'failure',
          origin: 'system',
          actor: 'system',
          accountId,
          detail: { notice },
        });
      }
    },
  });
  const settings = {
    organisation: n.organisation,
    render: createRenderMail(join(import.meta.dirname, '../views/mail')),
  };
  const onTheirWay = new Set<Promise<void>>();

  const send = async (to: Account, notice: Notice): Promise<void> => {
    let notMeUrl: string | undefined;
    if (isAlarm(notice)) {
      const code = token256(n.random);
      const now = n.clock.now();
      await n.mailLinks.add({ purpose: 'not_me', accountId: to.id, expiresAt: notMeUntil(now) }, code, now);
      notMeUrl = `${config.publicUrl}/not-me?code=${code}`;
    }
    for (const address of new Set([to.email, to.notifyEmail].filter((each) => each !== null))) {
      // Only the owner's own mailbox gets a way in.
      if ('url' in notice && address !== to.email) continue;
      const addressee = { displayName: to.displayName, address, locale: to.locale ?? DEFAULT_LOCALE };
      const about = { notice: notice.kind, accountId: to.id };
      await queue.add(mailFor(addressee, notice, notMeUrl, settings), about, USEFUL_SECONDS[notice.kind]);
    }
  };

  const track = (work: Promise<void>, what: object): Promise<void> => {
    const done: Promise<void> = work
      .catch((error: unknown) => log.error({ err: error, ...what }, 'mail could not be kept'))
      .finally(() => onTheirWay.delete(done));
    onTheirWay.add(done);
    return done;
  };

  return {
    notify(to, notice) {
      const what = { notice: notice.kind, account: to.id };
      return track(send(to, notice), what).then(() => void track(queue.deliver(), what));
    },
    deliverMails: queue.deliver,
    async close() {
      // One try for what is on its way, not for all that waits.
      await Promise.race([Promise.all(onTheirWay), pause(LAST_TRY_MS, undefined, { ref: false })]);
      queue.stop();
      while (onTheirWay.size > 0) await Promise.all(onTheirWay);
      mailer.close();
    },
  };
}
