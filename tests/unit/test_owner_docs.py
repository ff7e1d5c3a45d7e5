"""docs/owners.md: every curl line of the page is run against the app, in order, and answers what the page says."""

import re
import shlex
from pathlib import Path
from typing import Any

from shared.web.call import PREFIX
from tests.support.world import TYPE2, Person, World
from tests.unit.operators.test_image_sanitizer import picture

PAGE = Path(__file__).parents[2] / "docs" / "owners.md"
CALL = re.compile(r"^# (\d{3})\n(curl .*?)(?=^# \d{3}\n|\Z)", flags=re.M | re.S)


def calls() -> list[tuple[int, str]]:
    """(status, command) of every call of the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    found = [(int(status), command) for block in blocks for status, command in CALL.findall(block)]
    assert len(found) == PAGE.read_text().count("\ncurl "), "a call without a status before it"
    return found


def header(person: Person) -> str:
    ((name, value),) = person.headers().items()
    return f"{name}: {value}"


def run(world: World, command: str, values: dict[str, str]) -> Any:
    """A curl command as a request, with the variables filled in: the options that the page uses."""
    words = iter(re.sub(r"\$([A-Z]+)", lambda found: values[found[1]], word) for word in shlex.split(command)[1:])
    method, url, headers, body = "", "", {}, None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words).encode()
        elif word == "--data-binary":
            assert next(words) == "@entrance.jpg"
            body = picture(size=(640, 480))
        else:
            assert not word.startswith("-"), f"{word} is not known here"
            url = word
    return world.client.request(method or ("GET" if body is None else "POST"), url, headers=headers, content=body)


def test_every_call_of_the_page_does_what_it_says(world: World) -> None:
    owner, admin, driver = world.user("owner"), world.user("admin"), world.user()
    values = {"API": PREFIX, "OWNER": header(owner), "ADMIN": header(admin)}
    seen = []
    for status, command in calls():
        if "/evses/$EVSE -H" in command:
            place = owner.get(f"/stations/locations/{values['ID']}").json()
            values |= {"EVSE": place["evses"][0]["id"], "ETAG": place["etag"]}
            for _ in range(2):  # one on each EVSE, so that one moves nowhere
                assert driver.book(values["ID"], "09:00", connector=TYPE2, vehicle_id=driver.car()).status_code == 201
        if "$BOOKING" in command:
            (standing,) = owner.get("/booking/hosted", status="RESERVED").json()["items"]
            values["BOOKING"] = standing["id"]
        answer = run(world, command, values)
        assert answer.status_code == status, f"{command}\n{answer.text}"
        said = answer.json()
        seen.append((answer.request.method, answer.request.url.path))
        if said.get("id") and "ID" not in values:
            values["ID"] = said["id"]
        if "confirmation" in said:
            assert [item["outcome"] for item in said["bookings"]] == ["CANCELED"]
            values["CONFIRMATION"] = said["confirmation"]
        elif "etag" in said:
            values["ETAG"] = said["etag"]
    assert len(seen) == 28
