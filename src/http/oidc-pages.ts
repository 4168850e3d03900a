import type { IncomingMessage } from 'node:http';
import { chooseLocale } from '../i18n/choose.ts';
import { type Locale, translator } from '../i18n/translate.ts';
import { DEVICE_PATH } from '../oidc/device-form.ts';
import type { OidcPages } from '../oidc/pages.ts';
import type { PageModels } from './pages.ts';
import { type FrameSettings, frameFor } from './plugins/page.ts';
import { browserName, LANGUAGE_COOKIE } from './plugins/person.ts';
import type { Render } from './views.ts';

/** The pages that oidc-provider shows, in our frame. It hands us a bare request, past Fastify. */
export function createOidcPages(render: Render, settings: FrameSettings): OidcPages {
  const drawer = (request: IncomingMessage) => {
    const locale = localeOf(request);
    const t = translator(locale);
    const frame = frameFor(locale, settings, '', undefined);
    return { t, message: (model: PageModels['message']) => render('message', model, t, frame), frame };
  };
  return {
    signOut(request, { form, formId }) {
      const { t, frame } = drawer(request);
      return render('sign-out', { form, formId, stayPath: '/' }, t, frame);
    },
    signedOut(request) {
      const { t, message } = drawer(request);
      return message({ title: t('sign_out.done_title'), text: t('sign_out.done_text'), reference: null });
    },
    error(request, { error, name, client, reference }) {
      const { t, message } = drawer(request);
      const app = client ?? t('error.app_fallback');
      if (error === 'server_error')
        return message({ title: t('common.error_title'), text: t('error.server_text'), reference });
      if (name === 'SessionNotFound')
        return message({ title: t('common.error_title'), text: t('error.protocol_text'), reference });
      if (error === 'invalid_client')
        return message({
          title: t('error.app_unknown_title'),
          text: t('error.app_unknown_text', { organisation: settings.organisation.name }),
          reference,
        });
      if (name === 'InvalidRedirectUri')
        return message({
          title: t('error.app_redirect_title'),
          text: t('error.app_redirect_text', { client: app }),
          reference,
        });
      return message({ title: t('error.app_request_title'), text: t('error.app_request_text'), reference });
    },
    notFound(request) {
      const { t, message } = drawer(request);
      return message({ title: t('error.not_found_title'), text: t('error.not_found_text'), reference: null });
    },
    deviceCode(request, { xsrf, typed, problem }) {
      const { t, frame } = drawer(request);
      const error = problem ? t(`device.${problem}`) : null;
      return render('device-code', { action: DEVICE_PATH, xsrf, code: typed, error }, t, frame);
    },
    deviceConfirm(request, { xsrf, userCode, shownCode, client, ip, userAgent }) {
      const { t, frame } = drawer(request);
      const device = userAgent ? browserName(userAgent) : null;
      const model = { action: DEVICE_PATH, xsrf, userCode, code: shownCode, client, ip, device };
      return render('device-confirm', model, t, frame);
    },
    deviceDone(request, { client }) {
      const { t, message } = drawer(request);
      return message({ title: t('device.done_title'), text: t('device.done_text', { client }), reference: null });
    },
  };
}

function localeOf(request: IncomingMessage): Locale {
  const chosen = new RegExp(`(?:^|;\\s*)${LANGUAGE_COOKIE}=(\\w+)`).exec(request.headers.cookie ?? '')?.[1];
  const asked = new URL(request.url ?? '/', 'http://localhost').searchParams.get('ui_locales') ?? undefined;
  return chooseLocale(chosen, asked, request.headers['accept-language']);
}
