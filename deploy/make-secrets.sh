#!/bin/sh
# Makes what docker-compose.yml needs, once: secrets that only this machine's root can reach, and settings to look through.
# Usage: deploy/make-secrets.sh login.example.org
set -eu
host=${1:?the name under which people reach it, for example login.example.org}
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
# The folder is closed; the files are readable, because accounts inside the containers read them.
make() {
  if [ -e "secrets/$1" ]; then echo "deploy/secrets/$1 is there already, and stays"; return; fi
  printf '%s' "$2" > "secrets/$1"
  chmod 644 "secrets/$1"
  echo "made deploy/secrets/$1"
}
make database-owner-password "$(random 24)"
make database-password "$(random 24)"
make database-owner-url "postgres://owner:$(cat secrets/database-owner-password)@database/dubbelslot"
make database-url "postgres://server:$(cat secrets/database-password)@database/dubbelslot"
make metrics-token "$(random 24)"
make grafana-password "$(random 12)"
if [ -e secrets/secret-key ]; then
  echo "deploy/secrets/secret-key is there already, and stays"
else
  make secret-key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')"
  echo "Keep a copy of deploy/secrets/secret-key somewhere else: without it nothing that is sealed opens again."
fi

if [ -e settings.env ]; then
  echo "deploy/settings.env is there already, and stays"
else
  cat > settings.env <<SETTINGS
# What each setting means: docs/configuration.md.
PUBLIC_URL=https://$host
# The proxy on this machine, as the container sees it.
TRUST_PROXY=172.16.0.0/12
ORGANISATION=Dubbelslot
# SMTP_URL=smtp://mail:1025
# MAIL_FROM=dubbelslot@$host
SETTINGS
  chmod 644 settings.env
  echo "made deploy/settings.env: look through it"
fi
