import type { AlertKind } from '../core/alert-rules.ts';
import type { Organisation } from '../core/organisation.ts';
import { isAlarm, type Notice } from '../flow/notices.ts';
import { type Locale, type Translate, translator } from '../i18n/translate.ts';
import type { RenderMail } from './html.ts';
import type { Mail } from './mailer.ts';

export interface Addressee {
  readonly displayName: string;
  readonly address: string;
  readonly locale: Locale;
}

export interface MailSettings {
  readonly organisation: Organisation;
  readonly render: RenderMail;
}

/**
 * The mail for a notice, in the addressee's language, as text and as HTML.
 * @param notMeUrl where "this was not me" goes, for a notice that is an alarm
 */
export function mailFor(to: Addressee, notice: Notice, notMeUrl: string | undefined, settings: MailSettings): Mail {
  const { render } = settings;
  const organisation = settings.organisation.name;
  const t = translator(to.locale);
  const { kind, ...facts } = notice;
  const values = { ...facts, ...(notice.kind === 'alert' ? alertInWords(notice.alert, t) : {}) };
  const url =
    'url' in notice
      ? notice.url
      : 'undoUrl' in notice
        ? notice.undoUrl
        : 'pageUrl' in notice
          ? notice.pageUrl
          : undefined;
  const subject = t(`mail.${kind}.subject`, { organisation, ...values });
  const greeting = t('mail.greeting', { name: to.displayName });
  const body = t(`mail.${kind}.text`, { organisation, ...values });
  const closing = t('mail.closing', { organisation });
  const alarm = isAlarm(notice)
    ? { text: t('mail.not_you'), label: t('mail.not_you_link'), url: notMeUrl ?? null }
    : null;
  const paragraphs = [greeting, body, ...(url ? [url] : [])];
  if (alarm) paragraphs.push(alarm.url ? `${alarm.text}\n${alarm.label}: ${alarm.url}` : alarm.text);
  return {
    to: to.address,
    subject,
    text: `${[...paragraphs, closing].join('\n\n')}\n`,
    html: render({
      locale: to.locale,
      organisation,
      subject,
      paragraphs: [greeting, body],
      closing,
      action: url ? { url, label: t(`mail.${kind as 'first_password'}.action`), hint: t('mail.link_hint') } : null,
      alarm,
    }),
  };
}

const alertInWords = (kind: AlertKind, t: Translate): Record<'title' | 'text' | 'runbook', string> => ({
  title: t(`alert.${kind}_title`),
  text: t(`alert.${kind}_text`),
  runbook: t(`alert.${kind}_runbook`),
});
