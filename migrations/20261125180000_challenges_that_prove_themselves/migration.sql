-- A challenge for a passkey says by itself that it is ours; only used ones are kept, in used_proof.
DROP TABLE webauthn_challenge;
