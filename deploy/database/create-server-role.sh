#!/bin/sh
# Runs once, when the database is made. The server's role owns nothing: it gets its rights at each migration.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE server LOGIN PASSWORD :'password';
SQL
