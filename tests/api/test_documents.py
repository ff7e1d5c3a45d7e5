"""Documents through HTTP: receipts, invoices, credit notes; their numbers; their PDF; whom they are made out to."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from functions.payments.documents import pdf, privacy, service
from functions.payments.documents.domain import Document, Party
from functions.payments.documents.tables import document
from shared.clock import ManualClock
from shared.db import new_id
from shared.platform import Platform
from tests.api.test_metering import begun, meter, taken
from tests.api.test_overstay import at
from tests.support.stations_feed import Station
from tests.support.world import Person, World

ADA = {"name": "Ada Fleet BV", "address": "Plein 1, Utrecht", "country": "NL", "vat_id": "NL 0044.95.445.B01"}


@pytest.fixture
def station(world: World) -> Station:
    return Station.at(world, evses=1)


def listed(person: Person, **query: Any) -> list[dict[str, Any]]:
    """A person's documents, the earliest first."""
    answer = person.get("/payments/documents", **query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items[::-1]


def cancelled(world: World, driver: Person, location: str, start: str = "08:30") -> str:
    """A booking that its driver cancelled late; its events are not delivered."""
    booking_id: str = driver.book(location, start).json()["id"]
    assert driver.post(f"/booking/bookings/{booking_id}/cancel", {"reason": "TRAFFIC"}).status_code == 200
    return booking_id


def test_a_settled_session_has_a_receipt_of_its_bill(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    assert station.owner.put("/payments/billing-profile", ADA).status_code == 200
    at(clock, "10:30")
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    station.world.drain()
    (receipt,) = listed(driver)
    settlement = driver.get(path).json()["settlement"]
    assert (receipt["kind"], receipt["title"], receipt["buyer"]) == ("RECEIPT", "2026-000001", None)
    assert receipt["totals"]["gross_minor"] == settlement["total_minor"]
    assert receipt["tax"] == settlement["tax"]
    assert receipt["lines"] == settlement["elements"]
    assert receipt["seller"]["vat_id"] == "NL004495445B01"
    assert listed(station.owner) == [receipt], "who issued it reads it too"


def test_a_seller_without_a_vat_number_shows_no_vat(world: World) -> None:
    driver = world.user()
    cancelled(world, driver, world.location())
    world.drain()
    (receipt,) = listed(driver)
    assert receipt["tax"] == []
    assert receipt["totals"] == {"currency": "EUR", "gross_minor": 242, "net_minor": 242, "vat_minor": 0}


def test_a_fee_carries_the_vat_that_its_component_states(world: World) -> None:
    owner, driver = world.user("owner"), world.user()
    world.owner_id = owner.id
    owner.put("/payments/billing-profile", ADA)
    cancelled(world, driver, world.location())
    world.drain()
    (receipt,) = listed(driver)
    assert receipt["tax"] == [{"rate": 21.0, "net_minor": 200, "vat_minor": 42}]
    assert [line["dimension"] for line in receipt["lines"]] == ["BOOKING_CANCELLATION_FEES"]


def test_who_has_a_billing_profile_gets_invoices_from_then_on(world: World) -> None:
    driver, location = world.user(), world.location()
    cancelled(world, driver, location)
    world.drain()
    driver.put("/payments/billing-profile", ADA)
    cancelled(world, driver, location, "08:40")
    world.drain()
    receipt, invoice = listed(driver)
    assert (receipt["kind"], receipt["buyer"]) == ("RECEIPT", None)
    assert (invoice["kind"], invoice["buyer"]["name"]) == ("INVOICE", "Ada Fleet BV")


def test_a_corrected_bill_has_a_credit_note_that_refers_and_a_new_receipt(station: Station, clock: ManualClock) -> None:
    driver, path = begun(station, clock)
    at(clock, "10:30")
    taken(meter(station, "10:30", 5.0, status="COMPLETED"))
    station.owner.post(f"/booking/hosted/{path.rpartition('/')[2]}/reading", {"kwh": 2.0})
    station.world.drain()
    first, credit, second = listed(driver)
    assert [item["kind"] for item in (first, credit, second)] == ["RECEIPT", "CREDIT_NOTE", "RECEIPT"]
    assert credit["refers_to"] == first["id"]
    total = sum(item["totals"]["gross_minor"] for item in (first, credit, second))
    assert total == driver.get(path).json()["settlement"]["total_minor"]
    assert [item["number"] for item in (first, credit, second)] == [1, 2, 3]


def test_an_event_that_comes_again_issues_nothing(world: World) -> None:
    driver = world.user()
    booking_id = uuid.UUID(cancelled(world, driver, world.location()))
    first = world.platform.transact(lambda tx: service.issue_of(tx, booking_id=booking_id))
    again = world.platform.transact(lambda tx: service.issue_of(tx, booking_id=booking_id))
    assert (len(first), again) == (1, [])


def race(world: World, booking_ids: list[uuid.UUID]) -> list[tuple[int, Any]]:
    """Issues the documents of bookings from eight threads, every fifth rolled back once. Numbers and instants by number."""

    class Undone(Exception):
        """A transaction that fails at its end."""

    def issue(place: int) -> None:
        def fails(tx: Any) -> None:
            service.issue_of(tx, booking_id=booking_ids[place])
            raise Undone

        if place % 5 == 0:
            with pytest.raises(Undone):
                world.platform.transact(fails)
        world.platform.transact(lambda tx: service.issue_of(tx, booking_id=booking_ids[place]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(issue, range(len(booking_ids))))
    statement = sa.select(document.c.number, document.c.issued_at).order_by(document.c.number)
    return world.platform.read(lambda tx: [(row.number, row.issued_at) for row in tx.execute(statement)])


def check_race(world: World) -> None:
    """Twenty bookings of one owner, cancelled late, numbered at once."""
    location = world.location(evses=8)
    booking_ids = [uuid.UUID(cancelled(world, world.user(), location)) for _ in range(20)]
    numbered = race(world, booking_ids)
    assert [number for number, _ in numbered] == [*range(1, 21)]
    assert [instant for _, instant in numbered] == sorted(instant for _, instant in numbered)


def test_numbers_have_no_gap_whoever_asks_at_once_and_fails(world: World) -> None:
    check_race(world)


def test_a_pdf_is_made_of_its_row_and_always_the_same(world: World) -> None:
    driver = world.user()
    cancelled(world, driver, world.location())
    world.drain()
    (receipt,) = listed(driver)
    first = driver.get(f"/payments/documents/{receipt['id']}", format="pdf")
    again = driver.get(f"/payments/documents/{receipt['id']}", format="pdf")
    assert first.headers["content-type"] == "application/pdf"
    assert first.content.startswith(b"%PDF-")
    assert first.content == again.content
    assert "2026-000001.pdf" in first.headers["content-disposition"]


@pytest.mark.parametrize("name", ["மின்னேற்றம் நிறுவனம்", "विद्युत वाहन चार्जिंग", "Ελληνική Łódź Быстро"])
def test_each_script_has_its_font(world: World, name: str) -> None:
    driver = world.user()
    booking_id = uuid.UUID(cancelled(world, driver, world.location()))
    (issued,) = world.platform.transact(lambda tx: service.issue_of(tx, booking_id=booking_id))
    written = pdf.render(Document(**vars(issued) | {"seller": Party(name=name, address=name, country="IN")}))
    assert len(written) > 5000, "fpdf2 warns, and a warning is an error, where a glyph is missing"


def test_others_documents_are_not_there(world: World) -> None:
    driver, other = world.user(), world.user()
    cancelled(world, driver, world.location())
    world.drain()
    (receipt,) = listed(driver)
    assert listed(other) == []
    assert other.get(f"/payments/documents/{receipt['id']}").status_code == 404
    assert world.user("admin").get(f"/payments/documents/{receipt['id']}").status_code == 200


def test_documents_are_looked_for_by_kind_booking_and_time(world: World) -> None:
    driver = world.user()
    booking_id = cancelled(world, driver, world.location())
    world.drain()
    assert len(listed(driver, kind="RECEIPT", booking_id=booking_id)) == 1
    assert listed(driver, kind="INVOICE") == []
    assert listed(driver, **{"from": "2026-03-03T00:00:00Z"}) == []
    assert len(listed(driver, to="2026-03-03T00:00:00Z")) == 1


@pytest.mark.parametrize(("field", "value"), [("vat_id", "NL123"), ("country", "QQ"), ("name", ""), ("language", "english")])
def test_a_billing_profile_that_is_wrong_names_the_field(world: World, field: str, value: str) -> None:
    answer = world.user().put("/payments/billing-profile", ADA | {field: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_who_has_no_billing_profile_is_told(world: World) -> None:
    driver = world.user()
    assert driver.get("/payments/billing-profile").status_code == 404
    put = driver.put("/payments/billing-profile", ADA).json()
    assert driver.get("/payments/billing-profile").json() == put


def test_an_invoice_keeps_its_buyer_when_they_leave_but_is_nobodys(world: World) -> None:
    driver, platform = world.user(), world.platform
    driver.put("/payments/billing-profile", ADA)
    cancelled(world, driver, world.location())
    world.drain()
    (invoice,) = listed(driver)
    platform.transact(lambda tx: privacy.pseudonymise(tx=tx, user_id=driver.id, pseudonym=new_id()))
    assert _export(platform, driver)["documents"] == []
    assert _export(platform, driver)["billing_profile"] is None
    kept = world.user("admin").get(f"/payments/documents/{invoice['id']}").json()
    assert kept["buyer"]["name"] == "Ada Fleet BV"


def _export(platform: Platform, driver: Person) -> dict[str, Any]:
    return platform.read(lambda tx: privacy.export(tx=tx, user_id=driver.id))
