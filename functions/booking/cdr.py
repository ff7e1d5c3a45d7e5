"""Charge detail records in OCPI's words (CDR, 2.3.0): written when a session is settled, never changed.

A bill that is corrected later gets the credit of the record before (a Credit CDR: the same with its costs negative) and a new
one. What names a party or a token of it is no part of the record: whoever sends one to a partner adds their own.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from functions.booking import repository_cdr
from functions.booking.charging import Authorisation, Cdr, CdrKind, ChargingSession
from functions.booking.domain import Booking, SessionSettlement
from functions.stations.domain import Location
from shared.db import new_id
from shared.money import minor_digits
from shared.tx import Tx

HOUR = timedelta(hours=1)
COSTS = ("total_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_fixed_cost")
PARTS = {
    "ENERGY": "total_energy_cost",
    "TIME": "total_time_cost",
    "PARKING_TIME": "total_parking_cost",
    "FLAT": "total_fixed_cost",
}
"""By the dimension of a line of a bill: the part of a CDR's cost that it belongs to."""


def issue(*, tx: Tx, location: Location, booking: Booking, session: ChargingSession | None) -> None:
    """Writes the record of a settled booking, after the credit of the one that stood before. The location must be locked."""
    settlement = booking.settlement
    if not isinstance(settlement, SessionSettlement):
        return
    written = repository_cdr.of_booking(tx, booking.id)
    seq = len(written) + 1
    if written:
        repository_cdr.add(tx, _credit(written[-1], seq, tx.now))
        seq += 1
    record = Cdr(
        id=new_id(),
        session_id=None if session is None else session.id,
        booking_id=booking.id,
        seq=seq,
        kind=CdrKind.CDR.value,
        credit_of=None,
        document={},
        created_at=tx.now,
        bill=settlement.model_dump(mode="json"),
    )
    document = _document(record.id, location, booking, session, settlement, tx.now)
    repository_cdr.add(tx, Cdr(**vars(record) | {"document": document}))


def _credit(record: Cdr, seq: int, now: datetime) -> Cdr:
    credit_id = new_id()
    negative = {name: _negative(record.document[name]) for name in COSTS if name in record.document}
    document = record.document | negative
    document |= {"id": str(credit_id), "credit": True, "credit_reference_id": str(record.id), "last_updated": _written(now)}
    values = {"id": credit_id, "seq": seq, "kind": CdrKind.CREDIT.value, "credit_of": record.id, "created_at": now}
    return Cdr(**vars(record) | values | {"document": document})


def _negative(price: dict[str, Any]) -> dict[str, Any]:
    taxes = [tax | {"amount": -tax["amount"]} for tax in price["taxes"]] if "taxes" in price else None
    return {"before_taxes": -price["before_taxes"]} | ({} if taxes is None else {"taxes": taxes})


def _document(
    cdr_id: uuid.UUID,
    location: Location,
    booking: Booking,
    session: ChargingSession | None,
    bill: SessionSettlement,
    now: datetime,
) -> dict[str, Any]:
    started_at = booking.started_at if session is None else session.started_at
    ended_at = booking.stopped_at
    assert started_at is not None
    assert ended_at is not None
    parked_from = None if session is None else session.charging_until
    parking = timedelta() if parked_from is None else max(timedelta(), ended_at - max(parked_from, started_at))
    auth = None if session is None else session.auth
    document: dict[str, Any] = {
        "id": str(cdr_id),
        "start_date_time": _written(started_at),
        "end_date_time": _written(ended_at),
        "session_id": None if session is None else str(session.id),
        "auth_method": "COMMAND" if auth in (None, Authorisation.APP) else "AUTH_REQUEST",
        "authorization_reference": str(booking.id),
        "booking_id": str(booking.id),
        "cdr_location": _location(location, booking),
        "currency": bill.currency,
        "tariff_id": None if booking.tariff_id is None else str(booking.tariff_id),
        "charging_periods": _periods(started_at, ended_at, parking, bill.energy_kwh, booking),
        "total_cost": _total(bill),
        "total_energy": bill.energy_kwh,
        "total_time": round((ended_at - started_at) / HOUR, 4),
        "total_parking_time": round(parking / HOUR, 4),
        "credit": False,
        "remark": _remark(booking, bill),
        "last_updated": _written(now),
    }
    for dimension, name in PARTS.items():
        minor = sum(element.amount_minor for element in bill.elements if element.dimension == dimension)
        if minor:
            document[name] = {"before_taxes": _net(bill, dimension)}
    return document


def _remark(booking: Booking, bill: SessionSettlement) -> str | None:
    """What its prices do not say: that nobody measured it, and by what its tariff's prices were multiplied when."""
    said = [] if bill.metered else ["Nobody measured the session: it costs what was expected."]
    if booking.quote.price_steps:
        steps = ", ".join(f"{step.factor:g} from {_written(step.start)}" for step in booking.quote.price_steps)
        said.append(f"Energy and time cost the tariff's prices times {steps}.")
    return " ".join(said) or None


def _location(location: Location, booking: Booking) -> dict[str, Any]:
    return {
        "id": str(location.id),
        "name": location.name,
        "address": location.address,
        "city": location.city,
        "country": location.country,
        "coordinates": {"latitude": f"{location.latitude:.6f}", "longitude": f"{location.longitude:.6f}"},
        "evse_uid": booking.evse_uid,
        "connector_standard": booking.standard,
    }


def _periods(
    started_at: datetime, ended_at: datetime, parking: timedelta, energy_kwh: float, booking: Booking
) -> list[dict[str, Any]]:
    """One period of charging and, where the vehicle stayed after it, one of parking."""
    tariff_id = None if booking.tariff_id is None else str(booking.tariff_id)
    charged = ended_at - started_at - parking
    periods = [
        {
            "start_date_time": _written(started_at),
            "dimensions": [
                {"type": "ENERGY", "volume": energy_kwh},
                {"type": "TIME", "volume": round(charged / HOUR, 4)},
            ],
            "tariff_id": tariff_id,
        }
    ]
    if parking:
        periods.append(
            {
                "start_date_time": _written(ended_at - parking),
                "dimensions": [{"type": "PARKING_TIME", "volume": round(parking / HOUR, 4)}],
                "tariff_id": tariff_id,
            }
        )
    return periods


def _total(bill: SessionSettlement) -> dict[str, Any]:
    """The whole price: before taxes, and each tax."""
    scale = 10 ** minor_digits(bill.currency)
    taxes = [{"name": "VAT", "percentage": tax.rate, "amount": tax.vat_minor / scale} for tax in bill.tax]
    return {"before_taxes": bill.total_excl_vat_minor / scale, "taxes": taxes}


def _net(bill: SessionSettlement, dimension: str) -> float:
    """What of the price is for a dimension, before taxes, major units."""
    net = sum(
        element.amount_minor / (1 + element.vat_percent / 100) for element in bill.elements if element.dimension == dimension
    )
    return round(net / 10 ** minor_digits(bill.currency), 4)


def _written(instant: datetime) -> str:
    """An instant as OCPI writes it: whole seconds, UTC."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
