import type { AuditEvent } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { AuditStore } from '../store/audit.ts';

/** Keeps one fact. It is awaited before the person hears the outcome. */
export type Audit = (event: AuditEvent) => Promise<void>;

export const createAudit =
  (store: AuditStore, clock: Clock): Audit =>
  (event) =>
    store.append(event, clock.now());
