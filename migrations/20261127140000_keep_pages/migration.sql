-- What comes and goes with every sign-in keeps its pages when a vacuum finds it empty. A plan that was made for a table of no
-- pages reads all of it, and is kept while the morning fills it; giving pages back also takes a lock that nobody may pass.
ALTER TABLE audit_pending SET (vacuum_truncate = off);
ALTER TABLE login_transaction SET (vacuum_truncate = off);
ALTER TABLE oidc_payload SET (vacuum_truncate = off);
ALTER TABLE op_session SET (vacuum_truncate = off);
ALTER TABLE throttle SET (vacuum_truncate = off);
ALTER TABLE used_proof SET (vacuum_truncate = off);
