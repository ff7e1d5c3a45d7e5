"""`make check` runs the unit tests that reach a changed file by their imports."""

from devhost.changed import ALL, ROOT, imports, select, unit_tests_reaching

GRAPH: dict[str, set[str]] = {
    "shared/clock.py": set(),
    "functions/booking/service.py": {"shared.clock"},
    "functions/booking/__init__.py": set(),
    "tests/support/world.py": {"functions.booking", "functions.booking.service"},
    "tests/unit/booking/test_service.py": {"tests.support.world"},
    "tests/unit/shared/test_clock.py": {"shared", "shared.clock"},
    "tests/unit/shared/test_money.py": {"shared.money"},
    "tests/unit/shared/conftest.py": set(),
    "tests/api/test_booking.py": {"tests.support.world"},
}


def test_a_change_concerns_the_unit_tests_that_import_it_by_whatever_way() -> None:
    assert unit_tests_reaching(["shared/clock.py"], GRAPH) == [
        "tests/unit/booking/test_service.py",
        "tests/unit/shared/test_clock.py",
    ]
    assert unit_tests_reaching(["functions/booking/service.py"], GRAPH) == ["tests/unit/booking/test_service.py"]
    assert unit_tests_reaching(["tests/unit/shared/test_money.py"], GRAPH) == ["tests/unit/shared/test_money.py"]


def test_fixtures_concern_the_tests_of_their_folder() -> None:
    assert unit_tests_reaching(["tests/unit/shared/conftest.py"], GRAPH) == [
        "tests/unit/shared/test_clock.py",
        "tests/unit/shared/test_money.py",
    ]


def test_what_is_no_code_concerns_everything_or_the_documents() -> None:
    assert select({"functions/notify/templates/mail.html"}) == [ALL]
    assert select({"pyproject.toml", "README.md"}) == [ALL]
    assert "tests/unit/test_docs.py" in select({"README.md"})
    assert select(set()) == []


def test_imports_inside_functions_count() -> None:
    assert "functions.booking.routes" in imports(ROOT / "app" / "asgi.py")
