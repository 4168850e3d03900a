-- Who asked for a caller check: it is theirs alone to follow and to use.
ALTER TABLE challenge ADD COLUMN asked_by text;
