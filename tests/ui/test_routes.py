"""Every route once on the demo city: its heading, axe without a word, nothing cut off; width, theme and language in turn."""

from collections.abc import Iterator

import pytest

from tests.ui.person import PHONE, WIDE, Application, Person
from tests.ui.routes import ADMINISTRATORS, DRIVERS, LANGUAGES, OWNERS, STRANGERS


@pytest.fixture(scope="module", params=[(PHONE, "light", "de-DE"), (WIDE, "dark", "ta-IN")], ids=["phone", "wide"])
def driver(request: pytest.FixtureRequest, application: Application) -> Iterator[Person]:
    """The demo driver, once a width."""
    size, theme, language = request.param
    with application.person(size=size, theme=theme, language=language) as person:
        yield person


@pytest.mark.parametrize("path", DRIVERS)
def test_a_drivers_page_is_whole(driver: Person, path: str) -> None:
    driver.visit(path)
    assert driver.flaws() == []


def test_a_place_is_whole(driver: Person) -> None:
    driver.visit("/stations")
    driver.page.locator("a.card").first.click()
    driver.page.locator(".slots").wait_for()
    assert driver.flaws() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_strangers_pages_are_whole_in_every_language(application: Application, language: str) -> None:
    index = LANGUAGES.index(language)
    size = (320, 700) if index % 2 else WIDE
    with application.person(None, size=size, theme="dark" if index > 1 else "light", language=language) as person:
        for path in STRANGERS:
            person.visit(path)
            assert person.flaws() == [], path
            assert person.page.locator("html").get_attribute("lang") == language[:2]


@pytest.fixture(scope="module")
def owner(application: Application) -> Iterator[Person]:
    """The demo owner on a wide screen, in German."""
    with application.person("owner", size=WIDE, language="de-DE") as person:
        yield person


@pytest.mark.parametrize("path", OWNERS)
def test_an_owners_page_is_whole(owner: Person, path: str) -> None:
    owner.visit(path)
    assert owner.flaws() == []


@pytest.fixture(scope="module")
def administrator(application: Application) -> Iterator[Person]:
    """The demo administrator on a phone, in the dark."""
    with application.person("admin", size=PHONE, theme="dark") as person:
        yield person


@pytest.mark.parametrize("path", ADMINISTRATORS)
def test_an_administrators_page_is_whole(administrator: Person, path: str) -> None:
    administrator.visit(path)
    assert administrator.flaws() == []


def test_a_drivers_account_sees_no_page_of_another_role(driver: Person) -> None:
    for path in ("/host", "/admin", "/admin/people"):
        driver.visit(path)
        assert driver.page.locator("h1").inner_text() in ("Diese Seite gibt es nicht", "இந்தப் பக்கம் இல்லை"), path
