"""The whole matrix, by `make web-test`: every route by role, language, width and theme, with a picture of each.

The pictures lie in WEB_PICTURES (`web/pictures` of the Makefile). `make test` visits each route once (test_routes.py).
"""

import os
import re
from pathlib import Path
from typing import Literal

import pytest

from tests.ui.person import Application, Person
from tests.ui.routes import ADMINISTRATORS, DRIVERS, LANGUAGES, OWNERS, STRANGERS

ROLES = {None: STRANGERS, "driver": DRIVERS, "owner": OWNERS, "admin": ADMINISTRATORS}
SIZES = {360: (360, 780), 1280: (1280, 860)}
EXTREMES = {320: (320, 700), 1920: (1920, 1080)}
PICTURES = Path(os.environ.get("WEB_PICTURES", "web/pictures"))
Theme = Literal["light", "dark"]


def keep(person: Person, role: str | None, path: str, about: str) -> None:
    """A picture of the page as it stands, whole."""
    name = re.sub(r"\W+", "-", path).strip("-") or "start"
    folder = PICTURES / (role or "stranger")
    folder.mkdir(parents=True, exist_ok=True)
    person.page.screenshot(path=folder / f"{name}.{about}.png", full_page=True)


def walk(application: Application, role: str | None, language: str, width: int, theme: Theme) -> list[str]:
    """Every route of a role, one after the other: what is wrong with each."""
    flaws = []
    size = (SIZES | EXTREMES)[width]
    with application.person(role, size=size, theme=theme, language=language) as person:
        for path in ROLES[role]:
            person.visit(path)
            flaws += [f"{path}: {flaw}" for flaw in person.flaws()]
            keep(person, role, path, f"{language[:2]}.{width}.{theme}")
    return flaws


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", list(ROLES))
def test_every_route_is_whole(application: Application, role: str | None, language: str, width: int, theme: Theme) -> None:
    assert walk(application, role, language, width, theme) == []


@pytest.mark.parametrize("width", list(EXTREMES))
@pytest.mark.parametrize("role", list(ROLES))
def test_the_narrowest_and_the_widest_are_whole(application: Application, role: str | None, width: int) -> None:
    assert walk(application, role, "de-DE", width, "light") == []


@pytest.mark.parametrize("role", ["driver", "owner", "admin"])
def test_a_page_without_its_data_says_so(application: Application, role: str) -> None:
    flaws = []
    with application.person(role, size=SIZES[360]) as person:
        for path in ROLES[role]:
            person.page.goto("about:blank")
            person.page.route(OF_PAGES, lambda route: route.fulfill(status=500, json={}))
            person.page.goto(path)
            person.page.locator("h1").first.wait_for(state="attached")
            flaws += [f"{path}: {flaw}" for flaw in person.flaws()]
            keep(person, role, path, "en.360.error")
            person.page.unroute(OF_PAGES)
    assert flaws == []


OF_PAGES = re.compile(r"/api/v1/(?!config|accounts/(refresh|me$))")
"""What pages ask for, beside the settings and who is signed in."""
