-- Times are timestamptz. Random values that people or programs show us are stored as SHA-256 digests
-- (*_digest); secrets that we must read again are sealed with AES-256-GCM (*_sealed).

CREATE TABLE setting (
  name       text PRIMARY KEY,
  value      jsonb,
  secret_sealed bytea,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
  id             uuid PRIMARY KEY,
  email          text NOT NULL UNIQUE CHECK (email = lower(email)),
  display_name   text NOT NULL,
  notify_email   text,
  locale         text CHECK (locale IN ('nl', 'en')),
  role           text CHECK (role IN ('owner', 'administrator', 'helpdesk', 'auditor')),
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'revoked')),
  push_frozen_at timestamptz,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL
);

-- 'removed' (by its owner) and 'disabled' (too many failures) still count as "has a second factor":
-- losing a phone must not turn the account back into one that a password alone may enrol for.
CREATE TABLE authenticator (
  id            uuid PRIMARY KEY,
  account_id    uuid NOT NULL REFERENCES account (id),
  kind          text NOT NULL CHECK (kind IN ('password', 'push', 'totp', 'webauthn', 'recovery_code', 'temporary_pass')),
  label         text NOT NULL,
  state         text NOT NULL CHECK (state IN ('pending', 'active', 'disabled', 'removed', 'revoked')),
  secret_sealed bytea,
  public_jwk    jsonb,
  thumbprint    text UNIQUE,
  -- A passkey of the phone itself, without which it may not approve: credential id, public key, counter.
  gate          jsonb,
  gate_challenge text,
  gate_challenge_expires_at timestamptz,
  created_at    timestamptz NOT NULL,
  last_used_at  timestamptz,
  ended_at      timestamptz
);
CREATE INDEX authenticator_of_account ON authenticator (account_id);
CREATE UNIQUE INDEX one_password_per_account ON authenticator (account_id) WHERE kind = 'password' AND state = 'active';
CREATE UNIQUE INDEX one_recovery_set_per_account ON authenticator (account_id) WHERE kind = 'recovery_code' AND state = 'active';

CREATE TABLE recovery_code (
  code_digest      bytea PRIMARY KEY,
  authenticator_id uuid NOT NULL REFERENCES authenticator (id),
  used_at          timestamptz
);
CREATE INDEX recovery_code_of_authenticator ON recovery_code (authenticator_id);

CREATE TABLE push_subscription (
  authenticator_id uuid PRIMARY KEY REFERENCES authenticator (id),
  endpoint_digest  bytea NOT NULL,
  subscription_sealed bytea NOT NULL,
  created_at       timestamptz NOT NULL,
  last_accepted_at timestamptz
);

-- Consecutive failures, by authenticator or by the digest of what was typed, so that an unknown
-- account waits as long as a known one (NIST SP 800-63B-4, section 3.2.2).
CREATE TABLE throttle (
  key        text PRIMARY KEY,
  failures   integer NOT NULL,
  retry_at   timestamptz,
  updated_at timestamptz NOT NULL
);
CREATE INDEX throttle_by_age ON throttle (updated_at);

CREATE TABLE login_transaction (
  uid                  text PRIMARY KEY,
  client_id            text NOT NULL,
  prompt               text NOT NULL CHECK (prompt IN ('login', 'mfa')),
  required_acr         text NOT NULL,
  account_id           uuid REFERENCES account (id),
  proofs               text[] NOT NULL DEFAULT '{}',
  auth_time            timestamptz,
  state                text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'finished', 'ended')),
  end_reason           text,
  created_at           timestamptz NOT NULL,
  expires_at           timestamptz NOT NULL
);
CREATE INDEX login_transaction_by_expiry ON login_transaction (expires_at);

CREATE TABLE binding_session (
  id               uuid PRIMARY KEY,
  token_digest     bytea NOT NULL UNIQUE,
  account_id       uuid NOT NULL REFERENCES account (id),
  login_uid        text,
  -- What opened it: by a password alone nothing is bound once the account has an active second factor.
  basis            text NOT NULL CHECK (basis IN ('password', 'recovery_code', 'mfa')),
  authenticator_id uuid REFERENCES authenticator (id),
  recovery_codes_sealed bytea,
  state            text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'bound', 'tested', 'ended')),
  created_at       timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL
);
CREATE INDEX binding_session_by_expiry ON binding_session (expires_at);

CREATE TABLE enrolment_code (
  code_digest bytea PRIMARY KEY,
  code_sealed bytea NOT NULL,
  binding_id  uuid NOT NULL REFERENCES binding_session (id) ON DELETE CASCADE,
  account_id  uuid NOT NULL REFERENCES account (id),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  used_at     timestamptz
);
CREATE INDEX enrolment_code_of_binding ON enrolment_code (binding_id);

CREATE TABLE challenge (
  id               text PRIMARY KEY,
  account_id       uuid NOT NULL REFERENCES account (id),
  purpose          text NOT NULL CHECK (purpose IN ('sign_in', 'enrolment_test')),
  login_uid        text,
  binding_id       uuid,
  authenticator_id uuid REFERENCES authenticator (id),
  client_id        text,
  number_sealed    bytea NOT NULL,
  number_length    integer NOT NULL,
  code_digest      bytea NOT NULL UNIQUE,
  code_sealed      bytea NOT NULL,
  context          jsonb NOT NULL,
  context_digest   text NOT NULL,
  state            text NOT NULL DEFAULT 'open'
                   CHECK (state IN ('open', 'approved', 'denied', 'reported', 'wrong_number', 'replaced')),
  guesses          integer NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL,
  expires_at       timestamptz NOT NULL,
  answered_at      timestamptz,
  answered_by      uuid REFERENCES authenticator (id),
  is_user_verified boolean NOT NULL DEFAULT false,
  used_at          timestamptz
);
CREATE UNIQUE INDEX one_open_challenge_per_account ON challenge (account_id) WHERE state = 'open';
CREATE INDEX challenge_of_account ON challenge (account_id, created_at DESC);
CREATE INDEX challenge_of_login ON challenge (login_uid, created_at DESC) WHERE login_uid IS NOT NULL;
CREATE INDEX challenge_of_binding ON challenge (binding_id, created_at DESC) WHERE binding_id IS NOT NULL;

-- Proofs of possession that were shown once (RFC 9449, section 11.1).
CREATE TABLE used_proof (
  proof_digest bytea PRIMARY KEY,
  expires_at   timestamptz NOT NULL
);
CREATE INDEX used_proof_by_expiry ON used_proof (expires_at);

CREATE TABLE client (
  id            text PRIMARY KEY,
  name          text NOT NULL,
  metadata      jsonb NOT NULL,
  secret_digest bytea,
  required_acr  text NOT NULL,
  created_at    timestamptz NOT NULL,
  disabled_at   timestamptz
);

CREATE TABLE signing_key (
  kid            text PRIMARY KEY,
  alg            text NOT NULL,
  private_sealed bytea NOT NULL,
  created_at     timestamptz NOT NULL,
  retired_at     timestamptz
);

CREATE TABLE oidc_payload (
  type        text NOT NULL,
  id_digest   bytea NOT NULL,
  payload     jsonb NOT NULL,
  grant_id    text,
  account_id  text,
  uid         text,
  user_code   text,
  expires_at  timestamptz NOT NULL,
  consumed_at timestamptz,
  PRIMARY KEY (type, id_digest)
);
CREATE INDEX oidc_payload_by_grant ON oidc_payload (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oidc_payload_by_account ON oidc_payload (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX oidc_payload_by_uid ON oidc_payload (type, uid) WHERE uid IS NOT NULL;
CREATE INDEX oidc_payload_by_user_code ON oidc_payload (type, user_code) WHERE user_code IS NOT NULL;
CREATE INDEX oidc_payload_by_expiry ON oidc_payload (expires_at);

CREATE TABLE op_session (
  uid        text PRIMARY KEY,
  id_digest  bytea NOT NULL UNIQUE,
  account_id text,
  payload    jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX op_session_of_account ON op_session (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX op_session_by_expiry ON op_session (expires_at);

CREATE TABLE portal_session (
  id_digest  bytea PRIMARY KEY,
  op_uid     text,
  data       jsonb NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX portal_session_by_expiry ON portal_session (expires_at);

CREATE TABLE invitation (
  code_digest bytea PRIMARY KEY,
  purpose     text NOT NULL CHECK (purpose IN ('first_administrator')),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  used_at     timestamptz
);

-- The six fields that BIO2 asks of every event: action, object, result, origin, actor, time (UTC).
CREATE TABLE audit_event (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL,
  action     text NOT NULL,
  object     text NOT NULL,
  result     text NOT NULL CHECK (result IN ('success', 'refused', 'failure')),
  origin     text NOT NULL,
  actor      text NOT NULL,
  account_id uuid,
  request_id text,
  detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_event_of_account ON audit_event (account_id, id DESC) WHERE account_id IS NOT NULL;
CREATE INDEX audit_event_by_action ON audit_event (action, id DESC);

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_event is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
