import type { FastifyRequest } from 'fastify';
import type { Refusal } from '../core/refusals.ts';
import type { Approvals } from '../flow/approvals.ts';
import type { Challenge, ChallengePurpose } from '../store/challenges.ts';
import type { PageModels } from './pages.ts';
import { refusalInWords, waitInWords } from './wording.ts';

type State = Pick<PageModels['store-app'], 'state' | 'until' | 'error' | 'message' | 'canSendAgain'>;

/** How far a request to a store app has come: it waits, its code is to be typed, or a new one may be started. */
export async function storeAppState(
  approvals: Approvals,
  challenge: Challenge | undefined,
  accountId: string | undefined,
  purpose: ChallengePurpose,
  { t, times }: FastifyRequest,
  refusal: Refusal | undefined,
): Promise<State> {
  const mine = challenge?.channel === 'store_app' ? challenge : undefined;
  const error = refusal?.code === 'code_wrong' ? t('store_app.code_wrong', { left: refusal.triesLeft ?? 0 }) : null;
  const common = { until: '', error, message: null, canSendAgain: false };
  if (mine?.state === 'open' && approvals.isOpen(mine))
    return { ...common, state: 'waiting', until: times.time(mine.expiresAt) };
  if (mine && approvals.isCodeDue(mine)) return { ...common, state: 'code' };
  const budget = accountId ? await approvals.budget(accountId, purpose) : undefined;
  const isWaiting = budget?.may === 'wait';
  const message = refusal
    ? refusalInWords(t, refusal, 'approve.budget')
    : budget?.may === 'exhausted'
      ? t('approve.exhausted')
      : `${mine ? t('store_app.expired') : ''} ${isWaiting ? waitInWords(t, budget.seconds) : ''}`.trim() || null;
  return { ...common, state: 'over', message, canSendAgain: budget?.may !== 'exhausted' };
}
