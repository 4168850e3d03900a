-- The last time that a directory was read, and what came of it.
CREATE TABLE directory_sync (
  source       text PRIMARY KEY,
  started_at   timestamptz NOT NULL,
  -- Counts those who read it: only the newest may write what came of it.
  run          integer NOT NULL DEFAULT 1,
  -- Whoever reads has it for so long.
  lease_until  timestamptz,
  finished_at  timestamptz,
  succeeded_at timestamptz,
  report       jsonb,
  problem      text
);
