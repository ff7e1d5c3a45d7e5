#!/bin/sh
# Deploys the last release that passed its smoke test: roll_back.sh GROUP APP RELEASES_ACCOUNT. The schema stays as it is (ADR 14).
set -eu
group=$1 app=$2 account=$3
folder=$(mktemp -d)
fetch() {
  az storage blob download --auth-mode login --account-name "$account" --container-name releases --name "$1" --file "$folder/$1" -o none
}
fetch current.json
release=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["release"])' "$folder/current.json")
sha256=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["sha256"])' "$folder/current.json")
fetch "$release"
echo "$sha256  $folder/$release" | sha256sum --check --quiet
az functionapp deployment source config-zip -g "$group" -n "$app" --src "$folder/$release" -o none
echo "rolled back to $release"
