import type { CaseOutcome } from '../../src/flow/support.ts';
import type { AccountChanges } from '../../src/store/accounts.ts';
import type { CaseKind } from '../../src/store/support-cases.ts';
import type { TestInstallation } from './installation.ts';

/** Whoever has the machine that a test runs on. */
export const OPERATOR = { actor: 'test', origin: 'test', authority: { kind: 'operator' } } as const;

async function openCase({ d }: TestInstallation, email: string, kind: CaseKind): Promise<CaseOutcome> {
  const account = (await d.accounts.byEmail(email))!;
  const opened = await d.support.open(
    { accountId: account.id, kind, cause: 'lost', reason: 'for a test', verification: {} },
    OPERATOR,
  );
  if (!opened.ok) throw new Error(opened.refusal.code);
  return opened.value;
}

export const issuePass = async (installation: TestInstallation, email: string) =>
  (await openCase(installation, email, 'temporary_pass')).pass!;

export const resetAccount = async (installation: TestInstallation, email: string) =>
  (await openCase(installation, email, 'reset')).pass!;

export async function changeAccount({ d }: TestInstallation, id: string, changes: AccountChanges): Promise<void> {
  const changed = await d.people.change(id, changes, OPERATOR);
  if (!changed.ok) throw new Error(changed.refusal.code);
}
