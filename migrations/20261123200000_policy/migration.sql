-- Who is asked for what, when: every version is kept, the newest counts.
CREATE TABLE policy (
  version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document   jsonb NOT NULL,
  author     text NOT NULL,
  created_at timestamptz NOT NULL
);

ALTER TABLE account
  ADD COLUMN groups         text[] NOT NULL DEFAULT '{}',
  -- When the person last signed in with two factors, and since when they have put off setting one up.
  ADD COLUMN last_strong_at timestamptz,
  ADD COLUMN grace_since    timestamptz,
  ADD COLUMN grace_sign_ins integer NOT NULL DEFAULT 0;

-- Empty: as the policy says. What was `mfa` until now was the default, not a wish.
ALTER TABLE client ALTER COLUMN required_acr DROP NOT NULL;
UPDATE client SET required_acr = NULL WHERE required_acr = 'urn:dubbelslot:acr:mfa';

ALTER TABLE login_transaction
  ADD COLUMN postponed_at timestamptz,
  ALTER COLUMN required_acr DROP NOT NULL;

CREATE TABLE remembered_browser (
  token_digest bytea PRIMARY KEY,
  id           uuid NOT NULL UNIQUE,
  account_id   uuid NOT NULL REFERENCES account (id),
  user_agent   text NOT NULL,
  ip           text NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  revoked_at   timestamptz
);
CREATE INDEX remembered_browser_of_account ON remembered_browser (account_id);
CREATE INDEX remembered_browser_by_expiry ON remembered_browser (expires_at);

CREATE INDEX login_transaction_of_account ON login_transaction (account_id) WHERE account_id IS NOT NULL;
