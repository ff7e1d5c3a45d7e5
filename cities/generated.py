"""A generated city: stations, tariffs and sessions drawn by seed from published figures. Nobody lives there.

Sources: arrivals and energy of public charging, ElaadNL's open data (`cities.elaad`). Vehicles, their powers and the
reserve are PROBLEM.md's. The mix of stations, what they ask (0.36 to 0.47 EUR/kWh on AC, 0.63 to 0.73 on DC, 21 % VAT
included, in the range Dutch operators publish) and how long a vehicle stays after charging are assumptions, chosen so that a
demo shows some of each.
"""

import math
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cities.elaad import ARRIVAL_SHARES, NEED_DECILES_KWH
from cities.folder import CityConnector, CityLocation, CitySession, write_city

NAME = "Voorbeeldstad (generated)"
ZONE = ZoneInfo("Europe/Amsterdam")
CENTRE = (52.0907, 5.1214)
NAMES = (
    "Stadhuis", "Centraal Station", "Markthal", "Museumplein", "Ziekenhuis Noord", "Zwembad De Waterlelie", "Universiteit",
    "Jaarbeurs", "Havenkade", "Stadspark", "Schouwburg", "Bibliotheek", "Molenwijk", "Oosterpoort", "Westerkade",
    "P+R Zuid", "P+R Noord", "Sporthal", "Winkelhof", "Kanaalstraat", "Rijnlaan", "Tuinwijk", "Vogelenbuurt",
    "Domplein", "Singel", "Parkeergarage Springweg", "Wilhelminapark", "Galgenwaard", "De Uithof", "Lombok",
    "Oog in Al", "Leidsche Vaart", "Biltstraat", "Merwede", "Ledig Erf", "Tolsteeg", "Vaartsche Rijn", "Hoograven",
    "Zuilen", "Overvecht",
)  # fmt: skip
NIGHT_CLOSED = {
    "twentyfourseven": False,
    "regular_hours": [{"weekday": day, "period_begin": "07:00", "period_end": "23:00"} for day in range(1, 8)],
}


def tariffs() -> list[dict[str, Any]]:
    """The city's OCPI tariffs; prices without VAT, 21 % comes on top."""
    missed = {
        "price_components": [{"type": "FLAT", "price": 4.0, "vat": 21}],
        "restrictions": {"booking": "BOOKING_EXPIRES"},
    }
    late = {
        "price_components": [{"type": "FLAT", "price": 2.0, "vat": 21}],
        "restrictions": {"booking": "BOOKING_CANCELLATION_FEES"},
    }

    def energy(price: float, **restrictions: Any) -> dict[str, Any]:
        element: dict[str, Any] = {"price_components": [{"type": "ENERGY", "price": price, "vat": 21, "step_size": 1}]}
        return element | ({"restrictions": restrictions} if restrictions else {})

    idle = {"price_components": [{"type": "PARKING_TIME", "price": 3.0, "vat": 21, "step_size": 60}]}
    evening = {"start_time": "17:00", "end_time": "21:00"}
    night = {"start_time": "23:00", "end_time": "07:00"}
    return [
        {
            "id": "AC",
            "currency": "EUR",
            "elements": [energy(0.30, **night), energy(0.39, **evening), energy(0.35), missed, late],
        },
        {"id": "AC-STATION", "currency": "EUR", "elements": [energy(0.37), idle, missed, late]},
        {
            "id": "DC",
            "currency": "EUR",
            "elements": [
                {"price_components": [{"type": "FLAT", "price": 0.35, "vat": 21}]},
                energy(0.60, **evening),
                energy(0.52),
                idle,
                missed,
                late,
            ],
        },
    ]


def generate_city(folder: Path, *, seed: int = 1, stations: int = 40, days: int = 28, first: date = date(2026, 1, 5)) -> None:
    """Writes the city to `folder`: the same for the same arguments, on every machine."""
    rng = random.Random(f"evcharging-{seed}")
    locations: list[CityLocation] = []
    connectors: list[CityConnector] = []
    evses: dict[str, str] = {}
    assigned: dict[str, list[str]] = {}
    for number in range(stations):
        location_id = f"GEN{seed:02d}-{number + 1:03d}"
        name = NAMES[number % len(NAMES)] + ("" if number < len(NAMES) else f" {number // len(NAMES) + 1}")
        spread = 0.012 if rng.random() < 0.5 else 0.035
        closed = name.startswith("Parkeergarage") or rng.random() < 0.12
        locations.append(
            CityLocation(
                location_id=location_id,
                name=name,
                address=f"{name} {rng.randint(1, 180)}",
                latitude=round(CENTRE[0] + rng.gauss(0, spread), 6),
                longitude=round(CENTRE[1] + rng.gauss(0, spread * 1.6), 6),
                opening_times=NIGHT_CLOSED if closed else None,
            )
        )
        kind = rng.random()
        for point in range(rng.choice((2, 2, 2, 4, 4, 6, 8)) if kind < 0.7 else rng.choice((2, 2, 4))):
            evse = f"NL*GEN*E{seed:02d}{number + 1:03d}{point + 1:02d}"
            evses[evse] = location_id
            if kind < 0.7:
                power = 11.0 if kind < 0.35 else 22.0
                connectors.append(CityConnector(evse, "1", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", power))
                assigned[f"{evse}/1"] = ["AC" if kind < 0.5 else "AC-STATION"]
            else:
                power = 50.0 if kind < 0.88 else 150.0
                connectors.append(CityConnector(evse, "1", "IEC_62196_T2_COMBO", "CABLE", "DC", power))
                assigned[f"{evse}/1"] = ["DC"]
                if power == 50.0 and point % 2 == 0:
                    connectors.append(CityConnector(evse, "2", "CHADEMO", "CABLE", "DC", 50.0))
                    assigned[f"{evse}/2"] = ["DC"]
    write_city(
        folder,
        name=NAME,
        time_zone=str(ZONE),
        currency="EUR",
        country="NLD",
        locations=locations,
        connectors=connectors,
        evses=evses,
        sessions=_sessions(rng, connectors, first, days),
        tariffs={"tariffs": tariffs(), "connectors": assigned, "default": ["AC"]},
        generated=True,
        source={
            "what": "generated by `python -m cities generate`; no such place exists",
            "demand": "arrivals and energy as in ElaadNL open data, public charging (through EV2Gym, MIT)",
            "prices": "assumed, in the range Dutch operators publish, VAT 21 %",
            "seed": str(seed),
        },
    )


def _decile(share: float) -> float:
    """The energy at a share of ElaadNL's distribution, straight between its deciles, kWh."""
    position = share * (len(NEED_DECILES_KWH) - 1)
    below = int(position)
    low, high = NEED_DECILES_KWH[below], NEED_DECILES_KWH[below + 1]
    return low + (position - below) * (high - low)


def _sessions(rng: random.Random, connectors: list[CityConnector], first: date, days: int) -> list[CitySession]:
    """Walk-in sessions as an operator would have recorded them: an EVSE serves one at a time."""
    powers = {item.evse_id: item.max_power_kw for item in connectors}
    evses = sorted(powers)
    weights = [math.sqrt(powers[evse]) for evse in evses]
    free_from: dict[str, datetime] = {}
    sessions: list[CitySession] = []
    for day in range(days):
        date_ = first + timedelta(days=day)
        count = int(len(evses) * (2.2 if date_.weekday() < 5 else 1.7))
        arrivals = sorted(
            (rng.choices(range(24), ARRIVAL_SHARES)[0] * 60 + rng.uniform(0, 60), rng.choices(evses, weights)[0])
            for _ in range(count)
        )
        for minute, evse in arrivals:
            start = datetime.combine(date_, datetime.min.time(), ZONE) + timedelta(minutes=round(minute))
            if evse in free_from and free_from[evse] > start:
                continue
            energy = min(70.0, max(1.0, _decile(rng.random())))
            hours = energy / (0.9 * min(powers[evse], rng.choices((11, 50, 100, 150), (1, 3, 4, 2))[0]))
            idle = rng.expovariate(1 / 0.5) if powers[evse] <= 22 else rng.expovariate(1 / 0.1)
            end = start + timedelta(minutes=round((hours + idle) * 60) + 1)
            free_from[evse] = end
            sessions.append(CitySession(f"S{len(sessions) + 1:06d}", evse, start, end, round(energy, 3)))
    return sessions
