import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Way } from '../flow/next-step.ts';

/** Where each way to prove a second factor has its page, below the sign-in's address. */
export const WAY_PATHS: Readonly<Record<Way, string>> = {
  webauthn: 'key',
  push: 'approve',
  store_app: 'store-app',
  totp: 'code',
  recovery_code: 'recovery',
  temporary_pass: 'pass',
};

const WAY_COOKIE = 'way';
const YEAR_SECONDS = 365 * 86_400;

/** What this browser used last, where the account still has it: a hint, nothing more. Else the strongest. */
export function preferredWay(request: FastifyRequest, ways: readonly Way[]): Way {
  return ways.find((way) => way === request.cookies[WAY_COOKIE]) ?? ways[0] ?? 'recovery_code';
}

export function rememberWay(reply: FastifyReply, way: Way, isSecure: boolean): void {
  reply.setCookie(WAY_COOKIE, way, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure,
    maxAge: YEAR_SECONDS,
  });
}
