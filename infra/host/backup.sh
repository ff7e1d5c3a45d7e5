#!/bin/sh
# Saves the database and the folder of blobs: backup.sh DATABASE DATA_DIR BACKUPS. Keeps the newest KEEP (14).
# MARIADB_OPTIONS: how the database is reached; nothing where the socket knows this user.
set -eu
umask 077
database=$1 data=$2 backups=$3
name=$(date -u +%Y%m%dT%H%M%SZ)
part="$backups/.$name.part"
mkdir "$part"
trap 'rm -rf "$part"' EXIT
# The database first: a blob that its rows name is then in the archive.
# shellcheck disable=SC2086
mariadb-dump ${MARIADB_OPTIONS:-} --single-transaction --skip-lock-tables --triggers --hex-blob --result-file="$part/database.sql" "$database"
tail -n 1 "$part/database.sql" | grep -q '^-- Dump completed'
gzip "$part/database.sql"
mkdir -p "$data/blobs"
tar -C "$data" -czf "$part/blobs.tar.gz" blobs
(cd "$part" && sha256sum database.sql.gz blobs.tar.gz > SHA256SUMS)
mv "$part" "$backups/$name"
for old in $(ls -1 "$backups" | grep -E '^[0-9]{8}T[0-9]{6}Z$' | sort | head -n "-${KEEP:-14}"); do
  rm -rf "${backups:?}/$old"
done
echo "saved $backups/$name"
