"""A small world for tests that go through HTTP: people with tokens, stations, and a drained queue."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from fastapi.testclient import TestClient

from app.host.delivery import EmbeddedDelivery
from app.process import use_platform
from devhost.host.server import triggers
from functions.accounts import consents
from functions.accounts import repository as account_rows
from functions.accounts.domain import AccountSession, User, session_end
from functions.stations import service as stations
from functions.stations.domain import BookingTerms, Connector, LocationRecord
from functions.stations.enums import power_class
from functions.stations.opening import Hours
from functions.tariffs.domain import Tariff
from shared.db import new_id
from shared.platform import Platform
from shared.tx import Tx
from shared.web.auth import issue_access_token

API = "/api/v1"
CCS, TYPE2, CHADEMO = "IEC_62196_T2_COMBO", "IEC_62196_T2", "CHADEMO"
FLAT_TARIFF = Tariff.model_validate(
    {
        "id": "flat",
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.40, "vat": 21}]},
            {
                "price_components": [{"type": "FLAT", "price": 5, "vat": 21}],
                "restrictions": {"booking": "BOOKING_EXPIRES"},
            },
            {
                "price_components": [{"type": "FLAT", "price": 2, "vat": 21}],
                "restrictions": {"booking": "BOOKING_CANCELLATION_FEES"},
            },
        ],
    }
)


@dataclass
class World:
    """The API of a platform, and shortcuts to what a test needs to be there."""

    platform: Platform
    client: TestClient
    owner_id: uuid.UUID = field(default_factory=new_id)

    def user(self, role: str = "driver", *, phone: str | None = None) -> "Person":
        """An account with a token that has accepted the terms; its phone is proven, its password is nobody's."""
        user_id = new_id()
        now = self.platform.clock.now()
        proven_at = None if phone is None else now
        account = User(
            user_id, f"{user_id}@example.org", f"Person {role}", phone, role, "x", True, now, phone_verified_at=proven_at
        )

        def use_case(tx: Tx) -> None:
            account_rows.add_user(tx, account)
            consents.accept_for(tx=tx, user_ids=[user_id])

        self.platform.transact(use_case)
        person = Person(self, user_id, role)
        person.session()
        return person

    def location(
        self,
        *,
        evses: int = 2,
        standard: str = TYPE2,
        power_kw: float = 22.0,
        latitude: float = 52.09,
        longitude: float = 5.12,
        name: str = "Stadhuis",
        hours: Hours | None = None,
        terms: BookingTerms | None = None,
        tariff: Tariff | None = FLAT_TARIFF,
        plugs: Sequence[Sequence[tuple[str, float]]] | None = None,
        time_zone: str = "Europe/Amsterdam",
        free_of_charge: bool | None = None,
    ) -> str:
        """An approved location with one pool (or with `plugs`, (standard, kW) lists an EVSE), free of charge where it has no
        tariff unless `free_of_charge` says otherwise. Its id."""
        lists = plugs or [[(standard, power_kw)]] * evses
        evse_records = tuple(
            (
                f"E{number}",
                tuple(
                    Connector(str(place + 1), kind, "CABLE", "DC" if kind != TYPE2 else "AC_3_PHASE", kw)
                    for place, (kind, kw) in enumerate(connectors)
                ),
            )
            for number, connectors in enumerate(lists)
        )
        pools = {(plug.standard, power_class(plug.max_power_kw).value) for _, connectors in evse_records for plug in connectors}
        record = LocationRecord(
            external_id=name,
            name=name,
            address="Plein 1",
            city="Utrecht",
            country="NLD",
            latitude=latitude,
            longitude=longitude,
            time_zone=time_zone,
            currency="EUR",
            opening_times=hours,
            evses=evse_records,
            tariffs={} if tariff is None else dict.fromkeys(pools, tariff),
            booking_terms=terms or BookingTerms(),
            free_of_charge=tariff is None if free_of_charge is None else free_of_charge,
        )
        (location_id,) = self.platform.transact(
            lambda tx: stations.import_locations(tx=tx, owner_id=self.owner_id, records=[record])
        )
        return str(location_id)

    def drain(self) -> int:
        """Delivers everything the queues hold to the app's own functions."""
        use_platform(self.platform)
        try:
            return EmbeddedDelivery(self.platform, triggers().queues).drain()
        finally:
            use_platform(None)

    def scalar(self, statement: Any) -> Any:
        """A value from the database."""
        return self.platform.read(lambda tx: tx.execute(statement).scalar())


def _matching(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}


@dataclass
class Person:
    """Somebody who calls the API. The token is renewed by the test's clock."""

    world: World
    id: uuid.UUID
    role: str
    session_id: uuid.UUID | None = None

    def session(self) -> uuid.UUID:
        """The person's log-in, made when it is first needed."""
        if self.session_id is None:
            now, session_id = self.world.platform.clock.now(), new_id()
            shown_at = now if self.role == "admin" else None  # as if they had shown a second factor: nobody gets on without
            session = AccountSession(session_id, self.id, now, now, session_end(now, now), None, None, "tests", None, shown_at)
            self.world.platform.transact(lambda tx: account_rows.add_session(tx, session))
            self.session_id = session_id
        return self.session_id

    def headers(self) -> dict[str, str]:
        """The person's bearer token, good from now on."""
        token = issue_access_token(
            key=self.world.platform.settings.signing_key,
            user_id=self.id,
            role=self.role,
            session_id=self.session(),
            now=self.world.platform.clock.now(),
        )
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **params: Any) -> httpx.Response:
        """GET under the prefix."""
        return self.world.client.get(API + path, params=params, headers=self.headers())

    def post(self, path: str, body: Any = None, *, key: str | None = None, if_match: str | None = None) -> httpx.Response:
        """POST under the prefix."""
        headers = self.headers() | ({"Idempotency-Key": key} if key else {}) | _matching(if_match)
        return self.world.client.post(API + path, json=body, headers=headers)

    def put(self, path: str, body: Any, *, if_match: str | None = None) -> httpx.Response:
        """PUT under the prefix."""
        headers = self.headers() | _matching(if_match)
        return self.world.client.put(API + path, json=body, headers=headers)

    def patch(self, path: str, body: Any, *, if_match: str | None = None) -> httpx.Response:
        """PATCH under the prefix."""
        headers = self.headers() | _matching(if_match)
        return self.world.client.patch(API + path, json=body, headers=headers)

    def delete(self, path: str, *, if_match: str | None = None) -> httpx.Response:
        """DELETE under the prefix."""
        return self.world.client.delete(API + path, headers=self.headers() | _matching(if_match))

    def car(self) -> str:
        """A vehicle of the person's: who wants several places at once names a vehicle for each."""
        made: str = self.post("/accounts/me/vehicles", {"battery_kwh": 60, "max_power_kw": 22, "standards": [TYPE2]}).json()[
            "id"
        ]
        return made

    def book(self, location: str, start: str, *, minutes: int = 60, connector: str = TYPE2, **more: Any) -> httpx.Response:
        """POST bookings; `start` is a time of 2 March 2026, UTC."""
        begin = start if "T" in start else f"2026-03-02T{start}:00Z"
        body = {"location_id": location, "connector": connector, "start": begin, "duration_minutes": minutes} | more
        return self.post("/booking/bookings", body)
