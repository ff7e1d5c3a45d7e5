"""Tariffs that come with an import: by party and id, and which of them a connector means. A price that nothing says is not
known, and never nought."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from cities.folder import CityConnector, CityEvse, CityWriter
from cities.ocpi_objects import MAX_ID, OddError, ReadLocation, said, scope_of
from functions.stations.schemas import ConnectorCreate
from functions.tariffs.domain import Tariff
from shared.web.fields import clean_texts


class Tariffs:
    """The tariffs that the files have."""

    def __init__(self) -> None:
        self.currencies: dict[str, str] = {}
        """By id in the folder."""
        self.default: str | None = None
        """The tariff of connectors that name none that is there; None: their price is not known."""
        self._ids: dict[tuple[str, str], str] = {}
        self._scopes: dict[str, set[str]] = {}

    def read(self, item: Any) -> dict[str, Any]:
        """A tariff as the city folder has it, under an id that is its own there. Raises OddError."""
        if not isinstance(item, dict):
            raise OddError(f"tariff: {type(item).__name__} where an object should be")
        try:
            tariff = Tariff.model_validate(clean_texts(item))
        except ValidationError as error:
            raise OddError(said(error, "tariff")) from None
        except ValueError as error:
            raise OddError(f"tariff: {error}") from None
        country, party = (item[name] if isinstance(item.get(name), str) else None for name in ("country_code", "party_id"))
        scope, name = scope_of(country, party), tariff.id.casefold()
        if (scope, name) in self._ids:
            raise OddError(f"tariff stands twice: id {tariff.id}")
        own = next(
            candidate
            for candidate in (tariff.id, f"{scope}*{tariff.id}", f"tariff-{len(self.currencies) + 1}")
            if len(candidate) <= MAX_ID and candidate not in self.currencies
        )
        self._ids[scope, name] = own
        self._scopes.setdefault(name, set()).add(scope)
        self.currencies[own] = tariff.currency
        return tariff.model_dump(mode="json", exclude_none=True) | {"id": own}

    def find(self, scope: str, tariff_id: str) -> str | None:
        """The id in the folder of the tariff that a connector of a party names: the party's, else one of nobody's, else the
        only one of that name where the location says no party."""
        name = tariff_id.casefold()
        scopes = self._scopes.get(name, set())
        owner = next((one for one in (scope, "") if one in scopes), None)
        if owner is None and not scope and len(scopes) == 1:
            owner = next(iter(scopes))
        return None if owner is None else self._ids[owner, name]


def write_location(city: CityWriter, location: ReadLocation, tariffs: Tariffs) -> str:
    """Writes a location with its EVSEs and the tariffs of each connector. What has no tariff in the location's currency is
    remarked on: nobody knows its price. Returns the currency."""
    tariffs_by_evse = [[_found(location, tariffs, named) for named in evse.tariff_ids] for evse in location.evses]
    usable = (tariff for evse in tariffs_by_evse for connector in evse for tariff in connector)
    currency = location.currency or next((tariffs.currencies[tariff] for tariff in usable), location.row.currency)
    assigned = [
        [[one for one in connector if tariffs.currencies[one] == currency] for connector in evse] for evse in tariffs_by_evse
    ]
    unpriced = sum(not connector for evse in assigned for connector in evse)
    if unpriced:
        location.remarks.append(_unpriced(location, tariffs_by_evse, unpriced, currency))
    city.add_location(replace(location.row, currency=currency))
    for evse, of_evse in zip(location.evses, assigned, strict=True):
        evse_id = f"{location.key}*{evse.uid}"
        connectors = [_row(evse_id, plug) for plug in evse.connectors]
        city.add_evse(CityEvse(evse_id, location.key, evse.uid, evse.status), connectors)
        for connector, tariff_ids in zip(connectors, of_evse, strict=True):
            if tariff_ids:
                city.assign(evse_id, connector.connector_id, tariff_ids)
    return currency


def _row(evse_id: str, plug: ConnectorCreate) -> CityConnector:
    return CityConnector(
        evse_id, plug.connector_id, plug.standard.value, plug.format.value, plug.power_type.value, plug.max_power_kw
    )


def _found(location: ReadLocation, tariffs: Tariffs, named: tuple[str, ...]) -> list[str]:
    """The ids in the folder of the tariffs of a connector; the default where none of them is there."""
    own_tariffs = [own for own in (tariffs.find(location.scope, name) for name in named) if own is not None]
    return own_tariffs or ([] if tariffs.default is None else [tariffs.default])


def _unpriced(location: ReadLocation, found: list[list[list[str]]], unpriced: int, currency: str) -> str:
    connectors = sum(map(len, found))
    named = sorted({name for evse in location.evses for names in evse.tariff_ids for name in names})
    if not named:
        why = "no tariff is named"
    elif any(connector for evse in found for connector in evse):
        why = f"not all of the tariffs named ({', '.join(named[:5])}) are there in {currency}"
    else:
        why = f"no file has a valid tariff {', '.join(named[:5])}"
    return f"price not known: {unpriced} of {connectors} connectors of {location.key}, {why}"
