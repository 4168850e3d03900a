import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import { type Random, token256 } from './core/random.ts';
import { isAlarm, type Notice, type Notify } from './flow/notices.ts';
import { notMeUntil } from './flow/reports.ts';
import { DEFAULT_LOCALE } from './i18n/translate.ts';
import { createRenderMail } from './mail/html.ts';
import { createMailer } from './mail/mailer.ts';
import { mailFor } from './mail/notices.ts';
import type { Account } from './store/accounts.ts';
import type { MailLinks } from './store/mail-links.ts';

/** Notices to people, by mail: to all their addresses, with a way to say "this was not me" where it may be. */
export function openNotices(n: { config: Config; mailLinks: MailLinks; clock: Clock; random: Random; log: Logger }): {
  notify: Notify;
  /** Resolves when all that are on their way have been handed over. */
  settled(): Promise<void>;
} {
  const { config, log } = n;
  const sendMail = createMailer(config.smtpUrl, config.mailFrom, join(config.dataDir, 'outbox'), n.random.uuid);
  const settings = {
    organisation: config.organisation,
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
      await sendMail(mailFor(addressee, notice, notMeUrl, settings));
    }
  };

  return {
    notify(to, notice) {
      const sending: Promise<void> = send(to, notice)
        .then(() =>
          log.info(
            { notice: notice.kind, account: to.id },
            config.smtpUrl ? 'mail sent' : 'mail written to the outbox',
          ),
        )
        .catch((error: unknown) =>
          log.error({ err: error, notice: notice.kind, account: to.id }, 'mail could not be sent'),
        )
        .finally(() => onTheirWay.delete(sending));
      onTheirWay.add(sending);
    },
    async settled() {
      await Promise.all(onTheirWay);
    },
  };
}
