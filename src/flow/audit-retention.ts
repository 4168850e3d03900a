import { addSeconds, type Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { AuditRetention as Remover } from '../store/audit-retention.ts';
import type { Actor } from './actor.ts';
import type { Audit } from './audit.ts';
import { type AuditIntegrity, type Checkpoint, type Signer, TRUNCATION_TYPE } from './audit-integrity.ts';

/** Removes events at the end of their retention, so that what is left can still be verified. */
export interface AuditRetention {
  /**
   * Verifies the whole log, signs where it is cut, and removes everything before. Is itself an event.
   * Refusals: `retention_too_short`, `nothing_to_remove`, `log_not_intact`: evidence of tampering is never removed.
   */
  truncate(before: Date, by: Actor, onProgress?: (removed: number) => void): Promise<Result<{ removed: number }>>;
}

export interface AuditRetentionNeeds {
  /** As the owner of the tables. */
  openRemover(): Promise<Remover>;
  auditIntegrity: AuditIntegrity;
  signer: Signer;
  audit: Audit;
  clock: Clock;
  publicUrl: string;
  /** Younger events are never removed. */
  auditRetentionDays: number;
}

export function createAuditRetention(n: AuditRetentionNeeds): AuditRetention {
  return {
    async truncate(before, by, onProgress = () => {}) {
      const now = n.clock.now();
      if (before > addSeconds(now, -n.auditRetentionDays * 86_400)) return refuse('retention_too_short');
      const remover = await n.openRemover();
      try {
        const last = await remover.lastBefore(before);
        if (!last) return refuse('nothing_to_remove');
        if (!(await n.auditIntegrity.verify()).isIntact) return refuse('log_not_intact');
        const statement: Checkpoint = {
          issuer: n.publicUrl,
          position: last.position.toString(),
          hash: last.hash.toString('base64url'),
          at: now.toISOString(),
        };
        const event = {
          action: 'audit.truncated' as const,
          object: 'audit',
          ...by,
          detail: { before, position: statement.position },
        };
        const jws = await n.signer.sign(TRUNCATION_TYPE, statement);
        const removed = await remover.truncate({ position: last.position, jws, createdAt: now }, onProgress);
        await n.audit({ ...event, result: 'success', detail: { ...event.detail, removed } });
        return accept({ removed });
      } finally {
        await remover.close();
      }
    },
  };
}
