import type { Notice } from '../flow/notices.ts';
import { type Locale, translator } from '../i18n/translate.ts';
import type { Mail } from './mailer.ts';

/** Somebody else may be at work. */
const ALARMS: readonly Notice['kind'][] = [
  'authenticator_added',
  'phone_replaced',
  'recovery_code_used',
  'temporary_pass_issued',
];

export interface Addressee {
  readonly displayName: string;
  readonly address: string;
  readonly locale: Locale;
}

/** The mail for a notice, in the addressee's language. */
export function mailFor(to: Addressee, notice: Notice, organisation: string): Mail {
  const t = translator(to.locale);
  const { kind, ...values } = notice;
  const paragraphs = [
    t('mail.greeting', { name: to.displayName }),
    t(`mail.${kind}.text`, values),
    ...(ALARMS.includes(kind) ? [t('mail.not_you')] : []),
    t('mail.closing', { organisation }),
  ];
  return { to: to.address, subject: t(`mail.${kind}.subject`, values), text: `${paragraphs.join('\n\n')}\n` };
}
