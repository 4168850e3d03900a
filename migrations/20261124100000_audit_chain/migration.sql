-- An audit log that shows tampering. Each event carries a keyed digest from the moment it is written (`mac`: nobody
-- without the server's key can make or change one) and, within a second, a place in a hash chain (nobody can take one
-- away or change the order). Signed checkpoints fix the chain for whoever keeps them elsewhere.
ALTER TABLE audit_event
  -- Random: an event cannot be copied.
  ADD COLUMN key uuid UNIQUE,
  -- HMAC-SHA256 over the canonical event (RFC 8785); null for what was written before this migration.
  ADD COLUMN mac bytea;
CREATE INDEX audit_event_by_time ON audit_event (at);
CREATE INDEX audit_event_by_actor ON audit_event (actor, id DESC);

-- Events that have no place in the chain yet.
CREATE TABLE audit_pending (
  event_id bigint PRIMARY KEY
);
INSERT INTO audit_pending SELECT id FROM audit_event;

CREATE TABLE audit_chain (
  position  bigint PRIMARY KEY,
  event_id  bigint NOT NULL UNIQUE,
  -- SHA-256 over position, the hash before and the event.
  hash      bytea NOT NULL,
  -- HMAC-SHA256 over it: whoever has the database alone cannot write the chain anew.
  mac       bytea NOT NULL,
  linked_at timestamptz NOT NULL
);

CREATE TABLE audit_checkpoint (
  position   bigint PRIMARY KEY,
  -- A JWS over position and hash.
  jws        text NOT NULL,
  created_at timestamptz NOT NULL
);

-- What was removed at the end of its retention: the chain goes on from here.
CREATE TABLE audit_truncation (
  position   bigint PRIMARY KEY,
  jws        text NOT NULL,
  created_at timestamptz NOT NULL
);

-- Append-only, but for the owner of the tables when it says that it truncates (flow/audit-retention.ts). The role that
-- the server runs as is not the owner (store/server-role.ts), and may not even try.
CREATE OR REPLACE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('dubbelslot.audit_truncation', true) = 'yes'
    AND pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE ON audit_chain
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_truncation_no_truncate BEFORE TRUNCATE ON audit_truncation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_truncation_append_only BEFORE UPDATE OR DELETE ON audit_truncation
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
