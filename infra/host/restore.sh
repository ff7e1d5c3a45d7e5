#!/bin/sh
# Puts a backup into an empty database and a folder without blobs: restore.sh BACKUP DATABASE DATA_DIR. Says the seconds of each step.
# It overwrites nothing: restore beside what is there, look at it (python3.11 -m app.restored), then point the environment to it.
set -eu
umask 077
backup=$1 database=$2 data=$3
begun=$(date +%s)
step() { now=$(date +%s); echo "$1: $((now - begun)) s"; begun=$now; }
# shellcheck disable=SC2086
tables=$(mariadb ${MARIADB_OPTIONS:-} --batch --skip-column-names -e "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$database'")
[ "$tables" = 0 ] || { echo "$database has $tables tables: restore into an empty database" >&2; exit 1; }
[ ! -e "$data/blobs" ] || { echo "$data/blobs is there: restore into a folder without blobs" >&2; exit 1; }
(cd "$backup" && sha256sum --check --quiet SHA256SUMS)
step "checked"
# shellcheck disable=SC2086
gzip -dc "$backup/database.sql.gz" | mariadb ${MARIADB_OPTIONS:-} "$database"
step "database"
mkdir -p "$data"
tar -C "$data" -xzf "$backup/blobs.tar.gz"
step "blobs"
