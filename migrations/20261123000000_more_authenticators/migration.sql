-- Code apps, security keys and passkeys, temporary passes, and the companion app's own codes.

ALTER TABLE authenticator
  -- totp: the last time step that was accepted, which is never accepted again (RFC 6238, section 5.2).
  ADD COLUMN last_step     bigint,
  -- The phone that a code belongs to: it lives and dies with it.
  ADD COLUMN parent_id     uuid REFERENCES authenticator (id),
  -- webauthn: the credential id, base64url, and what is known of the credential.
  ADD COLUMN credential_id text UNIQUE,
  ADD COLUMN credential    jsonb,
  -- temporary_pass.
  ADD COLUMN pass_digest   bytea,
  ADD COLUMN expires_at    timestamptz;
CREATE INDEX authenticator_of_parent ON authenticator (parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX one_temporary_pass_per_account ON authenticator (account_id)
  WHERE kind = 'temporary_pass' AND state = 'active';

-- Values that a security key or passkey signs, each once; `subject` is the sign-in or the enrolment.
CREATE TABLE webauthn_challenge (
  challenge_digest bytea PRIMARY KEY,
  subject          text NOT NULL,
  expires_at       timestamptz NOT NULL
);
CREATE INDEX webauthn_challenge_by_expiry ON webauthn_challenge (expires_at);

ALTER TABLE binding_session
  -- The secret of a code app, until its first code was right.
  ADD COLUMN totp_secret_sealed bytea,
  -- The phone that approves a new one in its place.
  ADD COLUMN replaces_id uuid REFERENCES authenticator (id),
  DROP CONSTRAINT binding_session_basis_check,
  ADD CONSTRAINT binding_session_basis_check
    CHECK (basis IN ('password', 'recovery_code', 'temporary_pass', 'mfa'));
CREATE INDEX binding_session_of_replaced ON binding_session (replaces_id) WHERE replaces_id IS NOT NULL;
