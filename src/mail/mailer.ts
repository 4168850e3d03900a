import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Hands over one mail. @throws where the mail server or the outbox refuses it */
export type SendMail = (mail: Mail) => Promise<void>;

export interface Mailer {
  readonly send: SendMail;
  /** Lets go of the connections that are kept. */
  close(): void;
}

const LIMITS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** Connects, and greets. @throws where the mail server refuses that */
export async function checkMailServer(smtpUrl: string): Promise<void> {
  const transport = createTransport({ url: smtpUrl, ...LIMITS });
  await transport.verify().finally(() => transport.close());
}

/** To the organisation's mail server; without one, to `<folder>/<time>-<id>.eml`, to be opened in any mail program. */
export function createMailer(smtpUrl: string | undefined, from: string, outbox: string, id: () => string): Mailer {
  if (smtpUrl) {
    const transport = createTransport({ url: smtpUrl, pool: true, maxConnections: 5, ...LIMITS });
    return {
      async send(mail) {
        await transport.sendMail({ from, ...mail });
      },
      close: () => transport.close(),
    };
  }
  const composer = createTransport({ streamTransport: true, buffer: true });
  return {
    async send(mail) {
      const { message } = await composer.sendMail({ from, ...mail });
      const file = join(outbox, `${new Date().toISOString().replace(/[:.]/g, '-')}-${id().slice(0, 8)}.eml`);
      await mkdir(outbox, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.part`, message as Buffer, { mode: 0o600 });
      await rename(`${file}.part`, file);
    },
    close() {},
  };
}
