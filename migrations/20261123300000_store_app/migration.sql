-- An app from an app store that approves without being woken: its own kind of authenticator, its own channel.
ALTER TABLE authenticator
  DROP CONSTRAINT authenticator_kind_check,
  ADD CONSTRAINT authenticator_kind_check
    CHECK (kind IN ('password', 'push', 'store_app', 'totp', 'webauthn', 'recovery_code', 'temporary_pass'));

ALTER TABLE challenge
  ADD COLUMN channel text NOT NULL DEFAULT 'companion' CHECK (channel IN ('companion', 'store_app')),
  -- The signature of the answer that was accepted: the app sends it again when our reply was lost.
  ADD COLUMN answer_signature text;
