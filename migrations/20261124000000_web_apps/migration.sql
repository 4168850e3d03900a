-- The profile that a web app was made from, and what OpenID Connect has no word for.
ALTER TABLE client
  ADD COLUMN profile    text NOT NULL DEFAULT 'web'
    CHECK (profile IN ('web', 'app', 'machine', 'nl_gov', 'fapi2', 'entra')),
  ADD COLUMN settings   jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN changed_at timestamptz;
UPDATE client SET profile = 'app' WHERE metadata->>'token_endpoint_auth_method' = 'none';

-- After a rotation the old secret works on for a while.
CREATE TABLE client_secret (
  secret_digest bytea PRIMARY KEY,
  client_id     text NOT NULL REFERENCES client (id) ON DELETE CASCADE,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz
);
CREATE INDEX client_secret_of_client ON client_secret (client_id);
INSERT INTO client_secret (secret_digest, client_id, created_at)
  SELECT secret_digest, id, created_at FROM client WHERE secret_digest IS NOT NULL;
ALTER TABLE client DROP COLUMN secret_digest;

-- What we owe to web apps: logout tokens, and word that an approval was answered. Kept until it arrived.
CREATE TABLE client_call (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('logout', 'ping')),
  client_id  text NOT NULL REFERENCES client (id) ON DELETE CASCADE,
  account_id uuid NOT NULL,
  -- logout: the session as this web app knows it (`sid`). ping: the sealed id of the authentication request.
  sid        text,
  request_sealed bytea,
  attempts   integer NOT NULL DEFAULT 0,
  next_at    timestamptz NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX client_call_due ON client_call (next_at);

-- A key is published before it signs, and stays published after it has stopped.
ALTER TABLE signing_key ADD COLUMN signs_from timestamptz;
UPDATE signing_key SET signs_from = created_at;
ALTER TABLE signing_key ALTER COLUMN signs_from SET NOT NULL;

-- RFC 8628, section 3.5: who polls faster than every few seconds is told to slow down.
ALTER TABLE oidc_payload ADD COLUMN polled_at timestamptz;

-- Somebody asks for an approval outside of a sign-in: a web app (CIBA), the helpdesk with a caller on the line.
ALTER TABLE challenge
  DROP CONSTRAINT challenge_purpose_check,
  ADD CONSTRAINT challenge_purpose_check
    CHECK (purpose IN ('sign_in', 'enrolment_test', 'client_approval', 'caller_check')),
  -- The web app's authentication request: its id is what the answer is fetched with.
  ADD COLUMN request_digest bytea UNIQUE,
  ADD COLUMN request_sealed bytea;

-- What last went wrong for a web app, for its doctor: one row for each kind of mistake, so that nobody can fill it.
CREATE TABLE client_problem (
  client_id    text NOT NULL REFERENCES client (id) ON DELETE CASCADE,
  route        text NOT NULL,
  error        text NOT NULL,
  detail       text NOT NULL,
  redirect_uri text,
  reference    text NOT NULL,
  count        integer NOT NULL DEFAULT 1,
  last_at      timestamptz NOT NULL,
  PRIMARY KEY (client_id, route, error)
);

-- Who somebody of Microsoft Entra is here. By its immutable id: a name can be given to somebody else later.
CREATE TABLE entra_account (
  tenant_id  text NOT NULL,
  object_id  text NOT NULL,
  account_id uuid NOT NULL REFERENCES account (id),
  linked_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, object_id),
  UNIQUE (tenant_id, account_id)
);
