"""Filling a database from a city folder: locations, tariffs, and the accounts that come with them."""

import json
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from cities.folder import ImportReport, ReportProgress
from cities.generated import generate_city
from cities.importing import CITY_FOLDER, import_city, recognise
from functions.accounts import service as accounts
from functions.accounts.schemas import VehicleCreate
from functions.accounts.second_factor import enrol
from functions.optimizer.core.city import CityFolder, load_city
from functions.stations import service as stations
from functions.stations.domain import ENGAGED, LocationRecord
from functions.stations.enums import ConnectorType, EvseStatus, power_class
from functions.tariffs.domain import Tariff
from shared.errors import Conflict
from shared.local_files import write_private
from shared.platform import Platform
from shared.tx import Tx

MARK = "city.json"
BATCH = 500
DEMO = {
    "driver": ("driver@demo.test", "Dana Driver"),
    "owner": ("owner@demo.test", "Olga Owner"),
    "admin": ("admin@demo.test", "Ada Admin"),
}
UNKNOWN_COUNTRY = "XXX"
"""Of a city folder that names none: a code that ISO 3166-1 leaves to its users."""
CITY_OWNER = "owner@city.test"


@dataclass(frozen=True)
class Seeded:
    """What a data folder was filled with."""

    name: str
    """The city's."""
    generated: bool
    source: str
    """The city folder's path, `generated` where there is none."""
    locations: int
    evses: int
    password: str
    """Of every account in `accounts`."""
    accounts: tuple[str, ...]
    """E-mail addresses."""
    latitude: float
    longitude: float
    """The city's centre."""
    admin_secret: str = ""
    """Of the demo administrator's authenticator app (`make code` shows its codes); none in a city of one's own."""


def records(city: CityFolder) -> list[LocationRecord]:
    """A city folder as the stations domain takes it. A pool's tariffs are those of its first connector that has any."""
    records = []
    for location in city.locations:
        tariffs: dict[tuple[str, str], Tariff] = {}
        others: dict[tuple[str, str], tuple[Tariff, ...]] = {}
        for evse, connectors in location.evses:
            for connector in connectors:
                pool = connector.standard, power_class(connector.max_power_kw).value
                standing = city.tariffs_of(evse, connector.connector_id)
                if standing and pool not in tariffs:
                    tariffs[pool], others[pool] = standing[0], standing[1:]
        uids = {evse: location.uids.get(evse, evse) for evse, _ in location.evses}
        if location.evses:
            records.append(
                LocationRecord(
                    external_id=location.location_id,
                    name=location.name[:120],
                    address=location.address[:200],
                    city=(location.city or city.name)[:80],
                    country=location.country or city.country[:3] or UNKNOWN_COUNTRY,
                    latitude=location.latitude,
                    longitude=location.longitude,
                    time_zone=location.time_zone or city.time_zone,
                    currency=location.currency or city.currency,
                    opening_times=location.opening_times,
                    evses=tuple((uids[evse], connectors) for evse, connectors in location.evses),
                    tariffs=tariffs,
                    statuses={uids[evse]: _kept(status) for evse, status in location.statuses.items()},
                    other_tariffs=others,
                    free_of_charge=city.free_of_charge,
                )
            )
    return records


def _kept(status: str) -> str:
    """A status as it is loaded: who stood at a charger when a file was written says nothing of now, and nobody
    would take it back."""
    return EvseStatus.AVAILABLE.value if EvseStatus(status) in ENGAGED else status


def load_into(platform: Platform, city: CityFolder, *, owner: str, password: str, progress: ReportProgress) -> int:
    """Loads a city's locations for an owner's account, a few hundred in each transaction. Returns how many."""
    account = platform.transact(
        lambda tx: accounts.ensure_user(tx=tx, email=owner, password=password, name="City owner", role="owner")
    )
    rows = records(city)
    for begin in range(0, len(rows), BATCH):
        progress("loading locations", begin, len(rows))
        _load(platform, account.id, rows[begin : begin + BATCH])
    progress("loading locations", len(rows), len(rows))
    return len(rows)


def _load(platform: Platform, owner_id: uuid.UUID, batch: list[LocationRecord]) -> None:
    platform.transact(lambda tx: stations.import_locations(tx=tx, owner_id=owner_id, records=batch))


def read_mark(data_dir: Path) -> Seeded | None:
    """What a data folder was filled with, None where it is new."""
    path = data_dir / MARK
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Seeded(**stored | {"accounts": tuple(stored["accounts"])})


def seed(platform: Platform, *, city: Path | None, progress: ReportProgress) -> tuple[Seeded, ImportReport | None]:
    """Fills an empty data folder from a city, or finds what it was filled with. Raises Conflict where another city was
    asked for than is there, ValueError where `city` is not recognised."""
    data_dir = platform.settings.data_dir
    source = "generated" if city is None else str(city.resolve())
    known = read_mark(data_dir)
    if known is not None:
        if city is not None and known.source != source:
            raise Conflict(f"{data_dir} holds {known.name}; `make reset` empties it, or use another DATA_DIR for {city}.")
        return known, None
    report = None
    folder = data_dir / "city"
    if city is None:
        progress("generating the city", 0, 1)
        generate_city(folder)
    elif recognise(city) == CITY_FOLDER:
        folder = city
    else:
        report = import_city(city, folder, progress=progress)
    loaded = load_city(folder)
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    owner = DEMO["owner"][0] if loaded.generated else CITY_OWNER
    count = load_into(platform, loaded, owner=owner, password=password, progress=progress)
    names: tuple[str, ...] = (owner,)
    admin_secret = ""
    if loaded.generated:
        admin_secret = platform.transact(lambda tx: _demo_accounts(tx, password))
        names = tuple(email for email, _ in DEMO.values())
    seeded = Seeded(
        name=loaded.name,
        generated=loaded.generated,
        source=source,
        locations=count,
        evses=sum(len(location.evses) for location in loaded.locations),
        password=password,
        accounts=names,
        latitude=loaded.latitude,
        longitude=loaded.longitude,
        admin_secret=admin_secret,
    )
    path = data_dir / MARK
    write_private(path, (json.dumps(vars(seeded), indent=1) + "\n").encode())
    return seeded, report


def _demo_accounts(tx: Tx, password: str) -> str:
    """Driver, owner and administrator of the generated city; the driver with a vehicle and a phone, the administrator with a
    second factor, whose secret is returned."""
    secret = ""
    for role, (email, name) in DEMO.items():
        account = accounts.ensure_user(
            tx=tx,
            email=email,
            password=password,
            name=name,
            role=role,
            phone="+31600000000" if role == "driver" else None,
            accepts=True,
        )
        if role == "driver":
            vehicle = VehicleCreate(
                name="Demo car",
                battery_kwh=60,
                max_power_kw=100,
                standards=[ConnectorType.IEC_62196_T2, ConnectorType.IEC_62196_T2_COMBO],
            )
            accounts.add_vehicle(tx=tx, vehicle_in=vehicle, user_id=account.id)
        if role == "admin":
            secret = enrol(tx=tx, user=account)
    return secret
