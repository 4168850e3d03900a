-- The column whose cell made a line of an import be refused.
ALTER TABLE import_line ADD COLUMN field text;
-- What else belongs to an answer that is sent again: its Location and ETag.
ALTER TABLE idempotent_call ADD COLUMN headers jsonb;
