"""Words that messages share: times in a location's zone by its city's name, connectors. No I/O, no clock."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location

CONNECTOR_NAMES = {
    "IEC_62196_T1": "Type 1",
    "IEC_62196_T1_COMBO": "CCS1",
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS",
    "CHADEMO": "CHAdeMO",
    "SAE_J3400": "NACS",
}


def connector_name(standard: str) -> str:
    """What drivers call a connector."""
    return CONNECTOR_NAMES.get(standard, standard)


def local(instant: datetime, zone: str) -> datetime:
    """An instant in a location's time."""
    return instant.astimezone(ZoneInfo(zone))


@lru_cache(maxsize=512)
def zone_name(zone: str) -> str:
    """`Amsterdam time` of Europe/Amsterdam: the zone's city as CLDR calls it. UTC and GMT stay as they are; a zone of a fixed
    offset is called by that: `Etc/GMT+3` is 3 hours behind (POSIX counts westward), which is `UTC-3`."""
    if zone.startswith("Etc/GMT") and zone[-1].isdigit():
        offset = -int(zone.removeprefix("Etc/GMT"))
        return f"UTC{offset:+}" if offset else "UTC"
    city = str(get_timezone_location(ZoneInfo(zone), locale="en", return_city=True)).rpartition("/")[2]
    return city if city.startswith(("UTC", "GMT")) else f"{city} time"


def clock(moment: datetime, *, exact: bool = False) -> str:
    """`10:15`; `02:30 (UTC+1)` where that hour comes twice, or `exact` asks for it."""
    twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
    return f"{moment:%H:%M} ({_offset(moment)})" if exact or twice else f"{moment:%H:%M}"


def _offset(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


def _day(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def when(instant: datetime, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 Amsterdam time`."""
    moment = local(instant, zone)
    return f"{_day(moment)}, {clock(moment)} {zone_name(zone)}"


def short(instant: datetime, zone: str) -> str:
    """`Mon 2 Mar, 10:15`, for subjects and text messages."""
    moment = local(instant, zone)
    return f"{moment:%a} {moment.day} {moment:%b}, {clock(moment)}"


def period(start: datetime, end: datetime, zone: str) -> str:
    """`Mon 2 Mar 2026, 10:15 to 11:00 Amsterdam time`; the offsets are named where the clocks change within."""
    first, last = local(start, zone), local(end, zone)
    exact = first.utcoffset() != last.utcoffset()
    until = clock(last, exact=exact) if first.date() == last.date() else f"{_day(last)}, {clock(last, exact=exact)}"
    return f"{_day(first)}, {clock(first, exact=exact)} to {until} {zone_name(zone)}"


def soon(left: timedelta) -> str:
    """How soon something begins: `an hour`, `25 minutes`, `a minute`."""
    minutes = max(1, round(left / timedelta(minutes=1)))
    if 55 <= minutes <= 65:
        return "an hour"
    return "a minute" if minutes == 1 else f"{minutes} minutes"
