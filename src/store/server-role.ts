import type pg from 'pg';

/**
 * What the role that the server runs as may do: read and write everything, but only add to the audit log. The owner of
 * the tables is somebody else, who is used for migrations, retention and backups alone.
 */
const ADD_ONLY = ['audit_event', 'audit_chain', 'audit_checkpoint'];
const READ_ONLY = ['audit_truncation', '_prisma_migrations'];

/** @param client as the owner of the tables, one process at a time */
export async function grantToServer(client: pg.Client, role: string): Promise<void> {
  const name = client.escapeIdentifier(role);
  await client.query(`GRANT USAGE ON SCHEMA public TO ${name};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${name};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${name};
    REVOKE UPDATE, DELETE, TRUNCATE ON ${[...ADD_ONLY, ...READ_ONLY].join(', ')} FROM ${name};
    REVOKE INSERT ON ${READ_ONLY.join(', ')} FROM ${name};`);
}
