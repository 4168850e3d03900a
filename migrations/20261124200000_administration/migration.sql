-- People as administrators see them: searched, changed by several at once, kept by a directory elsewhere.
ALTER TABLE account
  -- Grows with each change that an administrator could overwrite (HTTP's ETag).
  ADD COLUMN version     integer NOT NULL DEFAULT 1,
  -- Who decides about name, address and status: we, or a directory.
  ADD COLUMN source      text NOT NULL DEFAULT 'local' CHECK (source IN ('local', 'scim', 'ldap')),
  -- The directory's own id of the person.
  ADD COLUMN external_id text,
  -- Reset by the helpdesk: what is enrolled next takes a temporary pass.
  ADD COLUMN pass_required_at timestamptz,
  ADD COLUMN search tsvector GENERATED ALWAYS AS (
    to_tsvector('simple'::regconfig, translate(display_name || ' ' || email, '@._-+''’', '       '))) STORED;
CREATE INDEX account_by_search ON account USING gin (search);
CREATE INDEX account_by_group ON account USING gin (groups);
CREATE INDEX account_by_role ON account (role) WHERE role IS NOT NULL;
CREATE UNIQUE INDEX account_by_external_id ON account (source, external_id) WHERE external_id IS NOT NULL;

CREATE FUNCTION count_account_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.email, NEW.display_name, NEW.notify_email, NEW.locale, NEW.role, NEW.status, NEW.groups, NEW.external_id, NEW.push_frozen_at)
    IS DISTINCT FROM (OLD.email, OLD.display_name, OLD.notify_email, OLD.locale, OLD.role, OLD.status, OLD.groups, OLD.external_id, OLD.push_frozen_at)
  THEN
    NEW.version := OLD.version + 1;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER account_version BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION count_account_version();

ALTER TABLE client ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE FUNCTION count_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER client_version BEFORE UPDATE ON client FOR EACH ROW EXECUTE FUNCTION count_version();

-- What the helpdesk does for somebody who cannot sign in: take away what was lost, let them begin anew.
CREATE TABLE support_case (
  id           uuid PRIMARY KEY,
  account_id   uuid NOT NULL REFERENCES account (id),
  kind         text NOT NULL CHECK (kind IN ('reset', 'temporary_pass')),
  cause        text NOT NULL CHECK (cause IN ('lost', 'stolen', 'broken', 'replaced', 'other')),
  reason       text NOT NULL,
  -- How the caller was verified: {"how": "push", "challenge": "…"} or {"how": "identity", "words": "…"}; and others.
  verification jsonb NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  state        text NOT NULL CHECK (state IN ('waiting', 'done', 'cancelled', 'undone')),
  -- The second person, where one is needed.
  decided_by   text,
  decided_at   timestamptz,
  -- What it took away, to be given back where the owner says that it was not them.
  revoked      uuid[] NOT NULL DEFAULT '{}',
  undo_digest  bytea UNIQUE,
  undo_until   timestamptz,
  undone_at    timestamptz
);
CREATE INDEX support_case_of_account ON support_case (account_id, requested_at DESC);
CREATE INDEX support_case_by_time ON support_case (requested_at DESC, id);
CREATE UNIQUE INDEX one_waiting_case_per_account ON support_case (account_id) WHERE state = 'waiting';

-- One caller check is good for one case.
CREATE UNIQUE INDEX one_case_per_caller_check ON support_case ((verification->>'challenge')) WHERE verification ? 'challenge';

-- A creating call that is sent twice is done once (`Idempotency-Key`).
CREATE TABLE idempotent_call (
  key_digest      bytea PRIMARY KEY,
  request_digest  bytea NOT NULL,
  -- Null while it is being done.
  status          integer,
  -- Sealed: it may hold a secret that is shown once.
  answer_sealed   bytea,
  created_at      timestamptz NOT NULL
);
CREATE INDEX idempotent_call_by_age ON idempotent_call (created_at);

-- How often somebody has called within a window.
CREATE TABLE call_count (
  key      text PRIMARY KEY,
  count    integer NOT NULL,
  ends_at  timestamptz NOT NULL
);
CREATE INDEX call_count_by_end ON call_count (ends_at);
