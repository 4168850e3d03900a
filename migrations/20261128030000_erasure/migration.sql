-- An account that was erased takes its authenticators with it. Without an index on these two columns each authenticator's end would
-- read all challenges; an index would be written with each approval. Authenticators are deleted with their account alone, and its challenges before them.
ALTER TABLE challenge DROP CONSTRAINT challenge_authenticator_id_fkey, DROP CONSTRAINT challenge_answered_by_fkey;
