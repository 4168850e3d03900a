import { Eta } from 'eta';

export interface MailPage {
  readonly locale: string;
  readonly organisation: string;
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly closing: string;
  /** A button, with the same address in words below it. */
  readonly action: { readonly url: string; readonly label: string; readonly hint: string } | null;
  readonly alarm: { readonly text: string; readonly label: string; readonly url: string | null } | null;
}

/** Draws a mail; everything is escaped. Styles are inline, because mail programs drop the others. */
export type RenderMail = (page: MailPage) => string;

/** @param viewsDir `views/mail` */
export function createRenderMail(viewsDir: string): RenderMail {
  const eta = new Eta({ views: viewsDir, cache: true, autoTrim: [false, 'nl'] });
  return (page) => eta.render('./message', page);
}
