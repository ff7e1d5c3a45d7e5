"""docs/feed.md against the platform: each of its lines is run as it stands, in order, by curl and by a shell."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from app.asgi import create_app
from devhost.stack.process import free_port
from functions.stations.enums import EvseStatus
from functions.stations.feed.domain import Outcome
from shared.platform import Platform
from tests.support.stations_feed import Station
from tests.support.world import API, World

TEXT = (Path(__file__).parents[2] / "docs" / "feed.md").read_text()
LINES = re.findall(r"^ {4}(curl .*)$", TEXT, flags=re.M)


@pytest.fixture
def served(platform: Platform) -> Iterator[str]:
    """The platform on a port of its own."""
    port = free_port()
    app = create_app(lambda: platform)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    waiting = threading.Event()
    while not server.started:
        assert thread.is_alive()
        waiting.wait(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def test_every_line_runs_as_it_stands(served: str, world: World) -> None:
    station = Station.at(world)
    known = {
        "URL": served,
        "TOKEN": station.owner.headers()["Authorization"].split()[1],
        "LOCATION": station.location,
        "EVSE": station.evses["E0"],
        "PATH": "/usr/bin:/bin",
    }
    said: dict[str, list[str]] = {}
    for line in LINES:
        done = subprocess.run(["bash", "-c", line], env=known, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        answer = json.loads(done.stdout) if done.stdout else {}
        if "key" in answer and "KEY" not in known:
            known |= {"KEY": answer["key"], "KEY_ID": answer["id"]}
        said.setdefault(answer.get("outcome") or line.split("/api/v1/")[1].split()[0], []).append(done.stdout)
    assert len(LINES) == 11
    assert "CHANGED" in said, "the report of the page is taken"
    assert "OPENED" in said, "and that of a session"
    assert station.shown() == {"E0": "AVAILABLE", "E1": "AVAILABLE"}, "the last line ended the feed"


def test_every_word_and_outcome_is_explained() -> None:
    for word in (*EvseStatus, *Outcome):
        assert re.search(rf"\b{word.value}\b", TEXT), word


def test_the_examples_of_the_openapi_document_are_taken(world: World) -> None:
    """What the document gives as an example of each payload of the feed is sent as it is."""
    station = Station.at(world, plugs=[[("IEC_62196_T2", 22.0)]])
    document = world.client.get(f"{API}/openapi.json").json()
    sent = 0
    for path, method, who in (
        ("/stations/evses/{evse_id}/status", "put", None),
        ("/stations/locations/{location_id}/keys", "post", station.owner),
        ("/stations/keys/{key_id}/rotate", "post", station.owner),
    ):
        schema = document["paths"][API + path][method]["requestBody"]["content"]["application/json"]["schema"]
        properties = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        example = {}
        for name, field in properties.items():
            target = document["components"]["schemas"].get(field.get("$ref", "").rpartition("/")[2], {})
            example[name] = (field.get("examples") or target.get("examples"))[0]
        ids = {"evse_id": station.evses["E0"], "location_id": station.location}
        if "{key_id}" in path:
            ids["key_id"] = station.owner.get(f"/stations/locations/{station.location}/keys").json()["items"][0]["id"]
        headers = {"Authorization": f"Bearer {station.key}"} if who is None else who.headers()
        answer = world.client.request(method, API + path.format(**ids), json=example, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        sent += 1
    assert sent == 3
