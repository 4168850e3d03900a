-- A session is written by its uid, ON CONFLICT. With a second unique index, tabs that write at once could miss the row that another
-- of them was just writing anew, and then failed on this index or waited for each other. The digest of 256 random bits needs no
-- constraint to be one of a kind.
ALTER TABLE op_session DROP CONSTRAINT op_session_id_digest_key;
CREATE INDEX op_session_by_id ON op_session (id_digest);
