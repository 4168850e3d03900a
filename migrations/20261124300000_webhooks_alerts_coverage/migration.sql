-- What other programs are told of the audit log, as it happens.
CREATE TABLE webhook (
  id            uuid PRIMARY KEY,
  url           text NOT NULL,
  description   text NOT NULL,
  -- `*`, `account.reset` or `account.*`.
  events        text[] NOT NULL,
  secret_sealed bytea NOT NULL,
  version       integer NOT NULL DEFAULT 1,
  created_at    timestamptz NOT NULL,
  disabled_at   timestamptz
);
CREATE TRIGGER webhook_version BEFORE UPDATE ON webhook FOR EACH ROW EXECUTE FUNCTION count_version();

CREATE TABLE webhook_delivery (
  id          uuid PRIMARY KEY,
  webhook_id  uuid NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
  type        text NOT NULL,
  payload     jsonb NOT NULL,
  -- `dead`: given up after a day of tries; can be sent again by hand.
  state       text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'dead')),
  attempts    integer NOT NULL DEFAULT 0,
  next_at     timestamptz NOT NULL,
  last_error  text,
  created_at  timestamptz NOT NULL,
  settled_at  timestamptz
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_at) WHERE state = 'due';
CREATE INDEX webhook_delivery_of_webhook ON webhook_delivery (webhook_id, created_at DESC);
CREATE INDEX webhook_delivery_by_age ON webhook_delivery (settled_at) WHERE settled_at IS NOT NULL;

-- What looks like abuse (BIO2): one open row for each kind and whom it is about.
CREATE TABLE alert (
  id              uuid PRIMARY KEY,
  kind            text NOT NULL,
  -- `all`, `account:<id>`, `client:<id>`, `cli`: whom it is about.
  subject         text NOT NULL,
  count           integer NOT NULL,
  first_at        timestamptz NOT NULL,
  last_at         timestamptz NOT NULL,
  raised_at       timestamptz NOT NULL,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note            text
);
CREATE UNIQUE INDEX one_open_alert ON alert (kind, subject) WHERE acknowledged_at IS NULL;
CREATE INDEX alert_by_time ON alert (raised_at DESC, id);
CREATE INDEX audit_event_by_action_and_time ON audit_event (action, at);

-- Who is covered, day by day; `group_name` is empty for everybody.
CREATE TABLE coverage_day (
  day          date NOT NULL,
  group_name   text NOT NULL,
  people       integer NOT NULL,
  without      integer NOT NULL,
  one_only     integer NOT NULL,
  silent_phone integer NOT NULL,
  no_codes     integer NOT NULL,
  PRIMARY KEY (day, group_name)
);
