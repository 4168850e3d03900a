import type { AuditFilter, AuditStore, ExportedEvent } from '../store/audit.ts';
import type { AuditChain } from '../store/audit-chain.ts';
import type { Actor } from './actor.ts';
import type { Audit } from './audit.ts';
import { cefLine } from './audit-cef.ts';
import type { AuditIntegrity } from './audit-integrity.ts';

/** JSON Lines, or the Common Event Format that log servers read. */
export type ExportFormat = 'jsonl' | 'cef';
export const EXPORT_FORMATS: readonly ExportFormat[] = ['jsonl', 'cef'];

export interface AuditExport {
  /**
   * Events, oldest first, in bounded memory, line by line. JSON Lines end with a signed checkpoint and the key to check
   * it with. That somebody exported is itself an event, and in the export.
   */
  lines(format: ExportFormat, filter: AuditFilter, by: Actor): AsyncGenerator<string>;
}

export interface AuditExportNeeds {
  auditStore: AuditStore;
  auditChain: AuditChain;
  auditIntegrity: AuditIntegrity;
  audit: Audit;
  /** Verifies checkpoints (JWK). */
  publicJwk: object;
  version: string;
  /** Gives what is new its place in the chain. */
  linkAudit(): Promise<unknown>;
}

const PAGE = 1000;

export const createAuditExport = (n: AuditExportNeeds): AuditExport => ({
  async *lines(format, filter, by) {
    await n.audit({
      action: 'audit.exported',
      object: 'audit',
      result: 'success',
      ...by,
      detail: { format, filter: { ...filter } },
    });
    await n.linkAudit();
    await n.auditIntegrity.checkpoint();
    let after = '0';
    for (;;) {
      const events = await n.auditStore.page(filter, PAGE, after);
      for (const event of events) yield format === 'cef' ? cefLine(event, n.version) : jsonLine(event);
      if (events.length < PAGE) break;
      after = events.at(-1)!.id;
    }
    if (format === 'cef') return;
    const last = await n.auditChain.lastCheckpoint();
    yield JSON.stringify({ checkpoint: last?.jws ?? null, key: n.publicJwk });
  },
});

const jsonLine = ({ hash, ...event }: ExportedEvent): string =>
  JSON.stringify({ ...event, hash: hash?.toString('base64url') ?? null });
