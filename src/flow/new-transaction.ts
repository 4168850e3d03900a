import { proofsOf } from '../policy/assurance.ts';
import { requestedAcr } from '../policy/requirements.ts';
import type { NewTransaction } from '../store/login-transactions.ts';
import type { SignInRequest } from './sign-in.ts';

/** Our row for a sign-in that begins; a step-up begins with what the session has shown. */
export function newTransaction({ session, ...request }: SignInRequest, expiresAt: Date): NewTransaction {
  const isStepUp = request.prompt === 'mfa' && session !== undefined;
  return {
    uid: request.uid,
    clientId: request.clientId,
    prompt: request.prompt,
    requiredAcr: requestedAcr(request.requestedAcrs),
    accountId: isStepUp ? session.accountId : null,
    proofs: isStepUp ? proofsOf(session.amr) : [],
    authTime: isStepUp ? session.authTime : null,
    expiresAt,
  };
}
