"""Fetches one blob by managed identity and checks it: `python fetch_release.py URL SHA256 FILE`. Needs nothing but Python.

In a container the platform's IDENTITY_ENDPOINT gives the token, on a machine the metadata service does. A blob whose
sha256 is another is not written.
"""

import hashlib
import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

RESOURCE = "https://storage.azure.com"
METADATA_SERVICE = "http://169.254.169.254/metadata/identity/oauth2/token"


def token_request(environment: Mapping[str, str]) -> urllib.request.Request:
    """The request that asks for a token of the identity AZURE_CLIENT_ID."""
    client_id = environment["AZURE_CLIENT_ID"]
    endpoint = environment.get("IDENTITY_ENDPOINT")
    if endpoint:
        version, headers = "2019-08-01", {"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]}
    else:
        endpoint, version, headers = METADATA_SERVICE, "2018-02-01", {"Metadata": "true"}
    query = urllib.parse.urlencode({"api-version": version, "resource": RESOURCE, "client_id": client_id})
    return urllib.request.Request(f"{endpoint}?{query}", headers=headers)


def fetch(url: str, sha256: str, target: str | Path, environment: Mapping[str, str] = os.environ) -> None:
    """Writes the blob to `target`. Raises ValueError where its sha256 is not the one that was asked for."""
    with urllib.request.urlopen(token_request(environment), timeout=30) as answer:
        token = json.load(answer)["access_token"]
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=300) as answer:
        data = answer.read()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise ValueError(f"{url} has the sha256 {found}, not {sha256}")
    Path(target).write_bytes(data)


if __name__ == "__main__":
    _, url, sha256, target = sys.argv
    fetch(url, sha256, target)
