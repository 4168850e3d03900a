import type { FastifyReply } from 'fastify';

export interface BindingCookie {
  readonly name: string;
  readonly isSecure: boolean;
}

/** The cookie of an enrolment: what it holds is known to the database as a digest only. */
export function setBindingCookie(reply: FastifyReply, cookie: BindingCookie, token: string, maxAge: number): void {
  // It outlives the session by a day, so that a late visitor is told what happened instead of being sent away.
  reply.setCookie(cookie.name, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: cookie.isSecure,
    maxAge: maxAge + 86_400,
  });
}

export function clearBindingCookie(reply: FastifyReply, cookie: BindingCookie): void {
  reply.clearCookie(cookie.name, { path: '/', httpOnly: true, sameSite: 'lax', secure: cookie.isSecure });
}
