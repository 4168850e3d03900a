-- An account's enrolments in progress were read from one end of the table to the other.
CREATE INDEX binding_session_of_account ON binding_session (account_id);
