-- When the console was last used in a session: kept here, where deleting a cookie does not reach it.
ALTER TABLE op_session ADD COLUMN console_seen_at timestamptz;

-- Which worker an import belongs to: one that was too slow must not write over the one that went on.
ALTER TABLE import_job ADD COLUMN run integer NOT NULL DEFAULT 0;
-- How often a worker failed on it since lines were last written down.
ALTER TABLE import_job ADD COLUMN failures integer NOT NULL DEFAULT 0;

-- Mails that are owed. Sealed: some of them hold a way in.
CREATE TABLE mail (
  id         uuid PRIMARY KEY,
  sealed     bytea NOT NULL,
  attempts   integer NOT NULL DEFAULT 0,
  next_at    timestamptz NOT NULL,
  -- A link in it is no use after that.
  expires_at timestamptz NOT NULL,
  last_error text,
  created_at timestamptz NOT NULL
);
CREATE INDEX mail_next_at ON mail (next_at);
