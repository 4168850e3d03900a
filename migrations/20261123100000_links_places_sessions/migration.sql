-- Links that go by mail, where people sign in from, and what is shown of their sessions.

CREATE TABLE mail_link (
  code_digest bytea PRIMARY KEY,
  purpose     text NOT NULL CHECK (purpose IN ('first_password', 'password_reset', 'not_me')),
  account_id  uuid NOT NULL REFERENCES account (id),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  used_at     timestamptz
);
CREATE INDEX mail_link_of_account ON mail_link (account_id, purpose);
CREATE INDEX mail_link_by_expiry ON mail_link (expires_at);

-- Keyed digests of the places (or networks) that an account signed in from.
CREATE TABLE known_place (
  account_id   uuid NOT NULL REFERENCES account (id),
  place_digest bytea NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, place_digest)
);

ALTER TABLE op_session
  ADD COLUMN user_agent   text,
  ADD COLUMN ip           text,
  ADD COLUMN last_used_at timestamptz;
