import { type Installation, type NormCheck, normChecksOf } from '../policy/norms.ts';
import type { Accounts } from '../store/accounts.ts';
import type { AuditChain } from '../store/audit-chain.ts';
import type { DirectorySyncRun, DirectorySyncs } from '../store/directory-syncs.ts';
import type { Mails } from '../store/mails.ts';
import type { Webhooks } from '../store/webhooks.ts';
import type { Access } from './access.ts';
import type { CoverageReport } from './coverage.ts';

export interface Health {
  /** Events that have no place in the chain yet, and since when the oldest waits. */
  readonly unlinked: number;
  readonly unlinkedSince: Date | null;
  readonly lastCheckpointAt: Date | null;
  readonly isLogGuarded: boolean;
  readonly deadLetters: number;
  /** Mails that could not be handed over yet, and since when the oldest waits. */
  readonly mailsWaiting: number;
  readonly mailsWaitingSince: Date | null;
  /** The last time that the organisation's directory was read; undefined where there is none. */
  readonly directory: DirectorySyncRun | null | undefined;
}

/** How an installation stands: its health, and which of what the norms ask is so here. */
export interface Overview {
  health(): Promise<Health>;
  norms(): Promise<NormCheck[]>;
}

export interface OverviewNeeds {
  accounts: Accounts;
  auditChain: AuditChain;
  webhooks: Webhooks;
  mails: Mails;
  directorySyncs: DirectorySyncs;
  hasDirectory: boolean;
  access: Access;
  coverage: CoverageReport;
  installation: Omit<Installation, 'owners' | 'uncovered' | 'policy'>;
}

const MOST_COUNTED = 1000;

export const createOverview = (n: OverviewNeeds): Overview => ({
  async health() {
    const [pending, checkpoint, isLogGuarded, dead, mails, directory] = await Promise.all([
      n.auditChain.pending(),
      n.auditChain.lastCheckpoint(),
      n.auditChain.isGuarded(),
      n.webhooks.deliveries({ state: 'dead' }, MOST_COUNTED),
      n.mails.waiting(),
      n.hasDirectory ? n.directorySyncs.last('ldap') : undefined,
    ]);
    return {
      unlinked: pending.count,
      unlinkedSince: pending.since,
      lastCheckpointAt: checkpoint?.createdAt ?? null,
      isLogGuarded,
      deadLetters: dead.length,
      mailsWaiting: mails.count,
      mailsWaitingSince: mails.since,
      directory: n.hasDirectory ? (directory ?? null) : undefined,
    };
  },
  async norms() {
    const [{ policy }, owners, [everybody]] = await Promise.all([
      n.access.policy(),
      n.accounts.countWithRole('owner'),
      n.coverage.now(),
    ]);
    return normChecksOf({ ...n.installation, policy, owners, uncovered: everybody?.without ?? 0 });
  },
});
