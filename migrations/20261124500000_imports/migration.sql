-- A file of people that is taken over line by line. Whoever works on it holds a lease; when they die, another goes on
-- where the last batch ended.
CREATE TABLE import_job (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,
  state       text NOT NULL CHECK (state IN ('waiting', 'running', 'checked', 'done', 'stopped', 'failed')),
  is_dry_run  boolean NOT NULL,
  options     jsonb NOT NULL,
  actor       text NOT NULL,
  authority   jsonb NOT NULL,
  size        bigint NOT NULL,
  bytes_done  bigint NOT NULL DEFAULT 0,
  lines_done  integer NOT NULL DEFAULT 0,
  added       integer NOT NULL DEFAULT 0,
  changed     integer NOT NULL DEFAULT 0,
  unchanged   integer NOT NULL DEFAULT 0,
  refused     integer NOT NULL DEFAULT 0,
  problem     text,
  lease_until timestamptz,
  created_at  timestamptz NOT NULL,
  started_at  timestamptz,
  finished_at timestamptz
);
CREATE INDEX import_job_by_time ON import_job (created_at DESC);

-- The file as it came, in parts; gone when it is done with.
CREATE TABLE import_part (
  job_id uuid NOT NULL REFERENCES import_job ON DELETE CASCADE,
  number integer NOT NULL,
  body   bytea NOT NULL,
  PRIMARY KEY (job_id, number)
);

-- What came of each line; of those that were refused, the line itself too.
CREATE TABLE import_line (
  job_id  uuid NOT NULL REFERENCES import_job ON DELETE CASCADE,
  line    integer NOT NULL,
  email   text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('added', 'changed', 'unchanged', 'refused')),
  code    text,
  record  text,
  PRIMARY KEY (job_id, line)
);
CREATE INDEX import_line_by_email ON import_line (job_id, email, line);
