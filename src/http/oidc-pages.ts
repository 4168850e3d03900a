import type { IncomingMessage } from 'node:http';
import { chooseLocale } from '../i18n/choose.ts';
import { type Locale, translator } from '../i18n/translate.ts';
import type { OidcPages } from '../oidc/provider.ts';
import { type FrameSettings, frameFor } from './plugins/page.ts';
import { LANGUAGE_COOKIE } from './plugins/person.ts';
import type { Render } from './views.ts';

/** The pages that oidc-provider shows, in our frame. It hands us a bare request, past Fastify. */
export function createOidcPages(render: Render, settings: FrameSettings): OidcPages {
  const drawer = (request: IncomingMessage) => {
    const locale = localeOf(request);
    return { t: translator(locale), frame: frameFor(locale, settings, '', undefined) };
  };
  return {
    signOut(request, { form, formId }) {
      const { t, frame } = drawer(request);
      return render('sign-out', { form, formId, stayPath: '/' }, t, frame);
    },
    signedOut(request) {
      const { t, frame } = drawer(request);
      return render(
        'message',
        { title: t('sign_out.done_title'), text: t('sign_out.done_text'), reference: null },
        t,
        frame,
      );
    },
    error(request, { error, reference }) {
      const { t, frame } = drawer(request);
      const text = error === 'server_error' ? t('error.server_text') : t('error.protocol_text');
      return render('message', { title: t('common.error_title'), text, reference }, t, frame);
    },
  };
}

function localeOf(request: IncomingMessage): Locale {
  const chosen = new RegExp(`(?:^|;\\s*)${LANGUAGE_COOKIE}=(\\w+)`).exec(request.headers.cookie ?? '')?.[1];
  const asked = new URL(request.url ?? '/', 'http://localhost').searchParams.get('ui_locales') ?? undefined;
  return chooseLocale(chosen, asked, request.headers['accept-language']);
}
