import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { freePort } from './ports.ts';

/** A real SMTP server on this machine, and the mails that came in. */
export class MailServer {
  readonly url: string;
  readonly mails: ParsedMail[] = [];
  /** How every mail is answered (RFC 5321, section 4.2.1); undefined for welcome. */
  refusal: number | undefined;
  /** Whether it is about us, and not about whom the mail is for. */
  isAboutUs = false;
  /** Takes a mail, and does not say so until this resolves. */
  frozen: Promise<void> | undefined;
  readonly #server: SMTPServer;

  private constructor(url: string, server: SMTPServer) {
    this.url = url;
    this.#server = server;
  }

  static async start(): Promise<MailServer> {
    const port = await freePort();
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      onMailFrom(_address, _session, done) {
        const code = mailServer.isAboutUs ? mailServer.refusal : undefined;
        done(code === undefined ? null : Object.assign(new Error('authenticate first'), { responseCode: code }));
      },
      onRcptTo(_address, _session, done) {
        const code = mailServer.refusal;
        done(code === undefined ? null : Object.assign(new Error('not now'), { responseCode: code }));
      },
      onData(stream, _session, done) {
        simpleParser(stream).then(
          async (mail) => {
            await mailServer.frozen;
            mailServer.mails.push(mail);
            done();
          },
          (error: Error) => done(error),
        );
      },
    });
    // A sender that was killed in the middle.
    server.on('error', () => {});
    const mailServer = new MailServer(`smtp://localhost:${port}`, server);
    await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve));
    return mailServer;
  }

  to(address: string): ParsedMail[] {
    return this.mails.filter(({ to }) => [to].flat().some((each) => each?.text === address));
  }

  /** The newest mail to somebody with this in its subject, once it is there. */
  async next(address: string, subject: string): Promise<ParsedMail> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const found = this.to(address).findLast((mail) => mail.subject?.includes(subject));
      if (found) {
        this.mails.splice(this.mails.indexOf(found), 1);
        return found;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no mail “${subject}” to ${address}; there are: ${this.mails.map((m) => m.subject).join(', ')}`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** The address in a mail that contains this. */
export function linkIn(mail: ParsedMail, part: string): string {
  const found = mail.text?.match(/https?:\/\/\S+/g)?.find((address) => address.includes(part));
  if (!found) throw new Error(`no ${part} in: ${mail.text}`);
  return found;
}
