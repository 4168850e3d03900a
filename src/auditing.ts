import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import { makeStatementKey, openStatementKey } from './crypto/statements.ts';
import { createAudit } from './flow/audit.ts';
import { createAuditExport } from './flow/audit-export.ts';
import { createAuditIntegrity } from './flow/audit-integrity.ts';
import { createAuditRetention } from './flow/audit-retention.ts';
import type { Metrics } from './observe/metrics.ts';
import type { RecordedEvent } from './store/audit.ts';
import { openAuditRetention } from './store/audit-retention.ts';
import type { KeptSettings } from './store/settings.ts';
import type { Stores } from './stores.ts';

const LINKED_AT_ONCE = 2000;

/** The audit log: adding to it, its chain and checkpoints, what leaves it. */
export async function openAuditing(n: {
  config: Config;
  stores: Stores & { settings: KeptSettings };
  ownerUrl: string;
  clock: Clock;
  log: Logger;
  /** Hears of each event once, when it has its place. */
  metrics: Metrics | undefined;
}) {
  const { config, stores, clock } = n;
  const signer = await openStatementKey(await stores.settings.secret('audit signing key', makeStatementKey));
  const audit = createAudit(stores.auditStore, clock);
  const file = join(config.dataDir, 'audit-checkpoints.jsonl');

  /** Gives every event its place. @returns how many */
  const linkAudit = async (): Promise<number> => {
    let linked = 0;
    for (;;) {
      let events: readonly RecordedEvent[] = [];
      const now = await stores.auditChain.link(clock.now(), LINKED_AT_ONCE, async (sql, placed) => {
        await stores.webhooks.enqueue(sql, placed, clock.now());
        events = placed;
      });
      n.metrics?.happened(events);
      linked += now;
      if (now < LINKED_AT_ONCE) return linked;
    }
  };
  const auditIntegrity = createAuditIntegrity({
    ...stores,
    signer,
    clock,
    publicUrl: config.publicUrl,
    async anchor(jws, checkpoint) {
      n.log.info({ checkpoint, jws }, 'audit checkpoint');
      await appendFile(file, `${JSON.stringify({ ...checkpoint, jws })}\n`, { mode: 0o600 });
    },
  });
  const auditExport = createAuditExport({
    ...stores,
    auditIntegrity,
    audit,
    linkAudit,
    publicJwk: signer.publicJwk,
    version: packageJson.version,
  });
  const auditRetention = createAuditRetention({
    openRemover: () => openAuditRetention(n.ownerUrl),
    auditIntegrity,
    signer,
    audit,
    clock,
    publicUrl: config.publicUrl,
    auditRetentionDays: config.auditRetentionDays,
  });
  return { audit, linkAudit, auditIntegrity, auditExport, auditRetention };
}
