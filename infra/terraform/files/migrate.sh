# What the job `migrate` runs: the release that is about to be deployed migrates the schema and puts its models into the store.
set -eu
folder=$(mktemp -d)
cd "$folder"
printf '%s' "$FETCH_RELEASE" > fetch_release.py
python3 fetch_release.py "$RELEASES/$RELEASE" "$RELEASE_SHA256" release.zip
python3 -m zipfile -e release.zip app
cd app
export PYTHONPATH="$PWD/.python_packages/lib/site-packages"
python3 -m app.migrate
python3 -m app.ship
