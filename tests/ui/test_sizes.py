"""What a browser fetches, compressed, against the budgets: the shell that every page loads, two pages, the map, the fonts."""

import pytest

from devhost.web_sizes import CHARGE, MAP, OWNERS_DAY, Sizes

KB = 1000
BUDGET_SHELL, BUDGET_FONTS = 130 * KB, 65 * KB
BESIDE_SHELL = {CHARGE: 45 * KB, MAP: 50 * KB, OWNERS_DAY: 32 * KB}


@pytest.fixture(scope="module")
def sizes() -> Sizes:
    """The files of the build."""
    try:
        return Sizes()
    except FileNotFoundError:
        pytest.skip("web/dist is not there: python -m devhost.web build")


def test_the_shell_is_within_its_budget(sizes: Sizes) -> None:
    assert sizes.shell <= BUDGET_SHELL


@pytest.mark.parametrize("source", list(BESIDE_SHELL))
def test_what_a_page_adds_is_within_its_budget(sizes: Sizes, source: str) -> None:
    assert sizes.beside_shell(source) <= BESIDE_SHELL[source]


def test_the_latin_fonts_are_within_their_budget(sizes: Sizes) -> None:
    assert len(sizes.latin_fonts) == 2
    assert sum(sizes.latin_fonts) <= BUDGET_FONTS
