import type { KoaContextWithOIDC } from 'oidc-provider';

export const DEVICE_PATH = '/oidc/device';

/** What comes without a session was not begun in this browser: it begins with the form (the library answers 500). */
export const deviceForm =
  (sessionCookie: string) =>
  async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const isStep = ctx.method === 'POST' ? ctx.path === DEVICE_PATH : ctx.path.startsWith(`${DEVICE_PATH}/`);
    const isForeign = isStep && !ctx.cookies.get(sessionCookie, { signed: true });
    if (!isForeign) return next();
    ctx.status = 303;
    ctx.redirect(DEVICE_PATH);
  };
