import type { FastifyReply } from 'fastify';

/** The cookie of a browser that is remembered for its owner; worth nothing where the policy does not say so. */
export const rememberedCookieName = (isSecure: boolean): string => (isSecure ? '__Host-remembered' : 'remembered');

export function setRememberedCookie(reply: FastifyReply, isSecure: boolean, token: string, seconds: number): void {
  reply.setCookie(rememberedCookieName(isSecure), token, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure,
    maxAge: seconds,
  });
}
