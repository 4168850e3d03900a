import type { FastifyRequest } from 'fastify';
import type { MessageKey } from '../i18n/translate.ts';

/** Sentences that say that something was not done. */
const BAD: readonly MessageKey[] = ['account.remove_last', 'account.said_unknown'];

/** What the form before this page came to, shown once. */
export function takeSaid({ session, t }: FastifyRequest): { text: string; isGood: boolean } | null {
  const { said } = session;
  if (!said) return null;
  delete session.said;
  return { text: t(said), isGood: !BAD.includes(said) };
}
