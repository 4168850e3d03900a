import type { FastifyReply, FastifyRequest } from 'fastify';

const LINK_SECONDS = 1800;
const nameFor = (isSecure: boolean): string => (isSecure ? '__Host-link' : 'link');
const options = (secure: boolean) => ({ path: '/', httpOnly: true, sameSite: 'lax', secure }) as const;

/** The code of a link that was followed from a mail, for the sign-in that comes next. */
export function setLinkCookie(reply: FastifyReply, isSecure: boolean, code: string): void {
  reply.setCookie(nameFor(isSecure), code, { ...options(isSecure), maxAge: LINK_SECONDS });
}
export const linkCookie = (request: FastifyRequest, isSecure: boolean): string | undefined =>
  request.cookies[nameFor(isSecure)];
export function clearLinkCookie(reply: FastifyReply, isSecure: boolean): void {
  reply.clearCookie(nameFor(isSecure), options(isSecure));
}
