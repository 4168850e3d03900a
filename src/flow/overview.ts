import { type Deviation, deviationsOf, type Installation } from '../policy/deviations.ts';
import type { Accounts } from '../store/accounts.ts';
import type { AuditChain } from '../store/audit-chain.ts';
import type { DirectorySyncRun, DirectorySyncs } from '../store/directory-syncs.ts';
import type { Mails } from '../store/mails.ts';
import type { Webhooks } from '../store/webhooks.ts';
import type { Access } from './access.ts';

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

/** How an installation stands: its health, and where it does less than the norms ask. */
export interface Overview {
  health(): Promise<Health>;
  deviations(): Promise<Deviation[]>;
}

export interface OverviewNeeds {
  accounts: Accounts;
  auditChain: AuditChain;
  webhooks: Webhooks;
  mails: Mails;
  directorySyncs: DirectorySyncs;
  hasDirectory: boolean;
  access: Access;
  installation: Omit<Installation, 'owners' | 'policy'>;
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
  async deviations() {
    const [{ policy }, owners] = await Promise.all([n.access.policy(), n.accounts.countWithRole('owner')]);
    return deviationsOf({ ...n.installation, policy, owners });
  },
});
