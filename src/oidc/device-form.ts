import type { KoaContextWithOIDC } from 'oidc-provider';

export const DEVICE_PATH = '/oidc/device';

/** A form that comes without a session was not opened in this browser: it is opened first (the library answers 500). */
export const deviceForm =
  (sessionCookie: string) =>
  async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const isForeign =
      ctx.method === 'POST' && ctx.path === DEVICE_PATH && !ctx.cookies.get(sessionCookie, { signed: true });
    if (!isForeign) return next();
    ctx.status = 303;
    ctx.redirect(DEVICE_PATH);
  };
