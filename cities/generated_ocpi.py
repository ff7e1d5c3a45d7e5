"""OCPI Locations of any number that nobody runs, for tests and measurements of the import."""

import json
from pathlib import Path
from typing import Any

WEEK = [{"weekday": day, "period_begin": "06:00", "period_end": "23:59"} for day in range(1, 8)]
TARIFFS = [
    {
        "country_code": "BE",
        "party_id": f"P{party:02}",
        "id": "AC",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3 + party / 100, "step_size": 1}]}],
    }
    for party in range(40)
]


def generated_location(number: int) -> dict[str, Any]:
    """One of a network of forty operators whose ids are the same: two EVSEs of two connectors, as OCPI 2.2.1 writes it."""
    party = f"P{number % 40:02}"
    connectors = [
        {
            "id": str(connector),
            "standard": "IEC_62196_T2",
            "format": "SOCKET",
            "power_type": "AC_3_PHASE",
            "max_voltage": 230,
            "max_amperage": 32,
            "max_electric_power": 22000,
            "tariff_ids": ["AC"],
            "last_updated": "2026-03-16T10:10:02Z",
        }
        for connector in (1, 2)
    ]
    evses = [
        {
            "uid": f"{number}-{evse}",
            "evse_id": f"BE*{party}*E{number}{evse}",
            "status": "AVAILABLE",
            "capabilities": ["RESERVABLE", "REMOTE_START_STOP_CAPABLE"],
            "connectors": connectors,
            "last_updated": "2026-06-28T08:12:01Z",
        }
        for evse in (1, 2)
    ]
    return {
        "country_code": "BE",
        "party_id": party,
        "id": f"LOC{number // 40}",
        "publish": True,
        "name": f"Parking {number}",
        "address": f"Kerkstraat {number}",
        "city": "Gent",
        "postal_code": "9000",
        "country": "BEL",
        "coordinates": {"latitude": f"{50.8 + number % 1000 / 2000:.6f}", "longitude": f"{3.5 + number // 1000 / 100:.6f}"},
        "parking_type": "ON_STREET",
        "evses": evses,
        "operator": {"name": "Generated"},
        "time_zone": "Europe/Brussels",
        "opening_times": {"twentyfourseven": False, "regular_hours": WEEK},
        "last_updated": "2026-06-29T20:39:09Z",
    }


def write_locations(folder: Path, count: int) -> None:
    """Writes `count` locations as a response with `data`, and their tariffs; in memory is one at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tariffs.json").write_text(json.dumps(TARIFFS))
    with (folder / "locations.json").open("w") as file:
        file.write('{"status_code": 1000, "data": [')
        for number in range(count):
            file.write((",\n" if number else "") + json.dumps(generated_location(number)))
        file.write("]}")
