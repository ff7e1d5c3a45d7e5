#!/bin/sh
# Starts the job that migrates with a release, and waits for its end: migrate.sh GROUP JOB RELEASE SHA256
set -eu
group=$1 job=$2 release=$3 sha256=$4
image=$(az containerapp job show -g "$group" -n "$job" --query 'properties.template.containers[0].image' -o tsv)
execution=$(az containerapp job start -g "$group" -n "$job" --image "$image" --container-name migrate \
  --env-vars "RELEASE=$release" "RELEASE_SHA256=$sha256" --query name -o tsv)
for _ in $(seq "${TRIES:-180}"); do
  status=$(az containerapp job execution show -g "$group" -n "$job" --job-execution-name "$execution" --query properties.status -o tsv)
  case $status in
    Succeeded) echo "migrated: $execution"; exit 0 ;;
    Failed | Stopped | Degraded) echo "not migrated: $execution $status" >&2; exit 1 ;;
  esac
  sleep "${PAUSE:-10}"
done
echo "not migrated: $execution has not ended" >&2
exit 1
