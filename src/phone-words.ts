import { DEFAULT_LOCALE, type Locale, type Translate, translator } from './i18n/translate.ts';

interface Reader {
  readonly locale: Locale | null;
}
const wordsFor = ({ locale }: Reader): Translate => translator(locale ?? DEFAULT_LOCALE);

/** What a notification says: nothing that somebody beside the phone may not read. */
export const pushText = (reader: Reader): { title: string; body: string } => {
  const t = wordsFor(reader);
  return { title: t('push.title'), body: t('push.body') };
};

/** What somebody reads on their phone whom the helpdesk has on the line. */
export const callerCheckText = (locale: Locale | null): string => wordsFor({ locale })('push.caller_check');

/** What the store app asks, in its owner's language. */
export const storeAppWords = (
  reader: Reader,
  { context }: { readonly context: { client: string; browser: string; ip: string; place: string | null } },
): { title: string; question: string } => {
  const t = wordsFor(reader);
  const where = [context.ip, context.place].filter(Boolean).join(' · ');
  return {
    title: t('push.title'),
    question: t('store_app.question', { client: context.client, browser: context.browser, where }),
  };
};
