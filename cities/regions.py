"""Where a place is: its time zone, country and currency, from what a file says, else from its coordinates.

Zones of Windows are translated by CLDR's table (Babel); coordinates are looked up in the borders of timezone-boundary-builder
(tzfpy: MIT, 3 MB, 36 MB in memory; loaded when it is first needed). Countries and currencies are CLDR's.
"""

from functools import lru_cache
from zoneinfo import available_timezones

from babel.core import get_global
from babel.numbers import get_territory_currencies

GONE = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})
"""Codes of countries that are not there any more, where CLDR has them beside today's."""
NO_COUNTRIES = frozenset({"XX", "ZZ"})
USED = {"XK": "XKX"}
"""What everybody writes for Kosovo; ISO 3166-1 has no code for it."""


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """IANA zones by their names, and by Windows' names, in lower case."""
    windows = {name.lower(): zone for name, zone in get_global("windows_zone_mapping").items()}
    return windows | {zone.lower(): zone for zone in available_timezones()}


def named_zone(name: str) -> str | None:
    """The IANA zone that an IANA or Windows name means, in whatever case; None for any other text."""
    return _zones().get(" ".join(name.split()).lower())


def zone_at(latitude: float, longitude: float) -> str | None:
    """The IANA zone of a point in degrees, None at sea."""
    import tzfpy

    zone: str = tzfpy.get_tz(longitude, latitude)
    return named_zone(zone) if zone and not zone.startswith("Etc/") else None


@lru_cache(maxsize=1)
def _alpha3() -> dict[str, str]:
    """Alpha-3 country codes by alpha-2 codes (ISO 3166-1)."""
    aliases = get_global("territory_aliases").items()
    names = {
        codes[0]: name for name, codes in aliases if len(name) == 3 and name.isalpha() and len(codes) == 1 and name not in GONE
    }
    return {code: name for code, name in names.items() if code not in NO_COUNTRIES} | USED


@lru_cache(maxsize=1)
def _alpha2() -> dict[str, str]:
    return {name: code for code, name in _alpha3().items()}


def country_code(text: str) -> str | None:
    """The alpha-3 code that an alpha-2 or alpha-3 code means, None for any other text."""
    code = text.strip().upper()
    return code if code in _alpha2() else _alpha3().get(code)


def country_of(zone: str) -> str | None:
    """The country (alpha-3) that an IANA zone is of, None where it is of none."""
    return _alpha3().get(get_global("zone_territories").get(get_global("zone_aliases").get(zone, zone), ""))


@lru_cache(maxsize=512)
def currency_of(country: str) -> str | None:
    """The currency that a country (alpha-3) pays in today."""
    currencies = get_territory_currencies(_alpha2().get(country, "ZZ"))
    return str(currencies[0]) if currencies else None
