"""`make demo`: one charge request from wish to confirmation; with CITY=DIR a real day of that city, replayed."""

import os
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.host.delivery import EmbeddedDelivery
from app.process import make_platform
from cities.__main__ import print_report
from cities.demand import crowded_day
from devhost.host.pages import mailbox
from devhost.host.server import Host, free_port
from devhost.replay.replay import API, Replay
from devhost.replay.seed import DEMO, Seeded, seed
from devhost.replay.worlds import Tally, without_platform
from functions.notify.phrases import connector_name
from functions.optimizer.core.city import load_city, load_sessions
from shared import telemetry
from shared.clock import ManualClock
from shared.errors import AppError
from shared.money import format_money
from shared.settings import Settings

console = Console(highlight=False, soft_wrap=True, width=max(116, Console().width))
MONDAY = datetime(2026, 3, 2, 16, 20, tzinfo=UTC)


def _host(folder: Path, clock: ManualClock) -> Host:
    """A host on embedded parts and the defaults of every setting, whatever the environment says."""
    defaults = {name: setting.default for name, setting in Settings.model_fields.items()}
    settings = Settings.model_validate(defaults | {"data_dir": folder, "rate_limits": False})
    host = Host(make_platform(settings, clock), port=free_port())
    host.prepare()
    return host


def _log_in(client: httpx.Client, seeded: Seeded) -> dict[str, str]:
    answer = client.post(f"{API}/accounts/login", json={"email": DEMO["driver"][0], "password": seeded.password})
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def _local(text: str, zone: str) -> str:
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%H:%M")


def _options_table(options: list[dict[str, Any]], zone: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("station", "connector", "slot"):
        table.add_column(name, no_wrap=True)
    for name in ("wait", "+ price", "+ drive", "+ charging", "= cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, offer in enumerate(options):
        terms = offer["cost_terms"]
        table.add_row(
            "->" if number == 0 else "",
            offer["location_name"],
            f"{connector_name(offer['connector'])} {offer['power_kw']:g} kW",
            f"{_local(offer['start'], zone)} to {_local(offer['end'], zone)}",
            f"{offer['wait_minutes']:.0f} min {terms['wait']:.3f}",
            f"{format_money(offer['price_minor'], offer['currency'])} {terms['price']:.3f}",
            f"{offer['distance_km']:.1f} km {terms['distance']:.3f}",
            f"{offer['duration_minutes']:.0f} min {terms['duration']:.3f}",
            f"{offer['cost']:.3f}",
            style="bold" if number == 0 else None,
        )
    return table


def one_request() -> None:
    """A driver of the generated city asks for a charge on their way home."""
    with tempfile.TemporaryDirectory(prefix="evcharging-demo-") as folder:
        clock = ManualClock(MONDAY)
        host = _host(Path(folder), clock)
        try:
            seeded, _ = seed(host.platform, city=None, progress=lambda *_: None)
            host.serve_in_thread()
            assert isinstance(host.delivery, EmbeddedDelivery)
            with httpx.Client(base_url=host.url, timeout=30) as client:
                _show(host, host.delivery, client, seeded, clock)
        finally:
            host.stop()


def _show(host: Host, delivery: EmbeddedDelivery, client: httpx.Client, seeded: Seeded, clock: ManualClock) -> None:
    zone = "Europe/Amsterdam"
    token = _log_in(client, seeded)
    vehicle = client.get(f"{API}/accounts/me/vehicles", headers=token).json()["items"][0]
    charge_request = {
        "vehicle_id": vehicle["id"],
        "soc": 0.25,
        "target_soc": 0.7,
        "origin": {"latitude": seeded.latitude, "longitude": seeded.longitude},
        "earliest_departure": (clock.now() + timedelta(minutes=25)).isoformat(),
        "latest_finish": (clock.now() + timedelta(hours=4)).isoformat(),
    }
    console.rule(
        f"{seeded.name}: {seeded.locations} locations, {seeded.evses} EVSEs; it is {_local(clock.now().isoformat(), zone)}"
    )
    console.print(
        f"\n[bold]The wish[/bold]  {vehicle['name']}, {vehicle['battery_kwh']:g} kWh, at 25 %, wants 70 % "
        f"({0.45 * vehicle['battery_kwh']:g} kWh), leaves the centre at {_local(charge_request['earliest_departure'], zone)}, "
        f"done by {_local(charge_request['latest_finish'], zone)}."
    )
    queued = client.post(f"{API}/optimizer/charge-requests", json=charge_request, headers=token)
    queued.raise_for_status()
    where = queued.headers["location"]
    console.print(f"          POST {API}/optimizer/charge-requests -> {queued.status_code} {queued.json()['status']}")
    delivered = delivery.drain()
    request = client.get(where, headers=token).json()
    if request["status"] != "RESERVED":
        console.print(f"{request['status']}: {request['explanation']}", style="red")
        sys.exit(1)
    decision, model = request["decision"], client.get(f"{API}/optimizer/model").json()
    by = (
        f"the {'trained' if model['trained'] else 'untrained'} policy {request['policy']}"
        if request["fallback"] is None
        else f"the rule {request['decided_by']}"
    )
    console.print(
        f"\n[bold]The candidates[/bold]  the best {len(decision['offers'])} of {decision['candidates']}, ranked by {by}; each term of the cost behind its figure\n"
    )
    console.print(_options_table(decision["offers"], zone))
    best = decision["offers"][0]
    console.print(f"\n[bold]The choice[/bold]  {best['location_name']}: {request['explanation']}.")
    booking = client.get(f"{API}/booking/bookings/{request['booking_id']}", headers=token).json()
    quote = booking["quote"]
    console.print(
        f"\n[bold]The booking[/bold]  {booking['id']} is {booking['reservation_status']}, charger {booking['evse_uid']} "
        "(told 30 minutes before the start)"
    )
    console.print(
        f"             {_local(booking['period']['start'], zone)} to {_local(booking['period']['end'], zone)}, about {format_money(quote['expected_minor'], quote['currency'])}, at most {format_money(quote['total_minor'], quote['currency'])}:"
    )
    for line in quote["elements"]:
        console.print(
            f"             {line['dimension'].lower():<8} {line['quantity']:>8.3f} {line['unit']:<7} x {line['unit_price']:.2f} + {line['vat_percent']:g} % VAT = {format_money(line['amount_minor'], quote['currency'])}"
        )
    terms = booking["terms"]
    console.print(
        f"             free to cancel until {terms['cancel_until_minutes']} min before; given away {terms['noshow_timeout_minutes']} min after the start"
    )
    clock.jump(
        max(clock.now() + timedelta(minutes=2), datetime.fromisoformat(booking["period"]["start"]) - timedelta(minutes=29))
    )
    for timer in host.timers.timers:
        host.timers.run(timer)
    delivered += delivery.drain()
    revealed = client.get(f"{API}/booking/bookings/{request['booking_id']}", headers=_log_in(client, seeded)).json()
    console.print(f"             at {_local(clock.now().isoformat(), zone)} the charger is told: {revealed['evse_uid']}")
    messages = list(reversed(mailbox(host.platform)))
    console.print(f"\n[bold]The messages[/bold]  {len(messages)} left, {delivered} queue deliveries\n")
    for message in messages:
        console.print(f"  {message.kind:<7} to {message.to}: {message.subject}")
    first = next(message for message in messages if message.kind == "E-mail")
    console.print("\n" + "\n".join(f"    | {line}" for line in first.text.rstrip().splitlines()), style="dim")
    console.print(
        "\nmake run starts the same platform to click through; make demo CITY=../shared/data/dundee replays a real day."
    )


def replay_city(city: Path, *, overlaid: int = 1) -> None:
    """The busiest recorded day of a city (with the next busiest laid over it), by the platform and without one."""
    with tempfile.TemporaryDirectory(prefix="evcharging-demo-") as name:
        folder = Path(name)
        clock = ManualClock(datetime(2000, 1, 1, tzinfo=UTC))
        host = _host(folder, clock)
        try:
            with _progress() as bar:
                task = bar.add_task("reading the city", total=None)
                seeded, report = seed(
                    host.platform,
                    city=city,
                    progress=lambda name, done, total: bar.update(task, description=name, completed=done, total=total),
                )
            if report is not None:
                print_report(report, None)
            loaded = load_city(folder / "city" if (folder / "city").exists() else city)
            sessions = load_sessions(loaded.path)
            day, requests = crowded_day(loaded, sessions, overlaid=overlaid)
            clock.jump(requests[0].book_time - timedelta(minutes=5))
            console.print(
                f"\n[bold]{seeded.name}, {day:%A %d %B %Y}[/bold]: {len(requests)} recorded sessions"
                f"{f' of the {overlaid} busiest days laid over one another' if overlaid > 1 else ''} become charge requests."
            )
            console.print(
                "Real: when each driver came, how many kWh they took, the connector. [italic]Synthetic[/italic]: where they set out, when they asked, their vehicle."
            )
            host.serve_in_thread()
            with httpx.Client(base_url=host.url, timeout=60) as client, _progress() as bar:
                task = bar.add_task("replaying the day", total=len(requests))
                tally = Replay(host, clock, client).run(requests, progress=lambda done, _: bar.update(task, completed=done))
            _compare(
                [tally, *without_platform(loaded, requests, price_unit=_price_unit(tally))], loaded.currency, len(requests)
            )
            model = _model(host)
            console.print(
                f"\nDecided by {model}. Cost is PROBLEM.md's: 0.4 wait (h) + 0.3 price/unit + 0.2 km/10 + 0.1 duration (h), 3 where not served."
            )
        finally:
            host.stop()


def _model(host: Host) -> str:
    from functions.optimizer.service import model_usage

    model = host.platform.read(lambda tx: model_usage(tx=tx, platform=host.platform))
    share = 0.0 if model.share_fallback_7d is None else model.share_fallback_7d
    return f"{model.name} {model.version} ({'trained' if model.trained else 'untrained: greedy on the objective'}), by rule {share:.0%}"


def _price_unit(tally: Tally) -> float:
    """The unit the platform used: found back from a served request that cost something."""
    from functions.optimizer.core.city import REFERENCE_PRICE_UNIT
    from functions.optimizer.core.objective import DEFAULT_WEIGHTS

    a, b, c, d = DEFAULT_WEIGHTS
    for item in tally.served:
        if item.price > 0:
            rest = item.cost - a * item.wait_min / 60 - c * item.km / 10 - d * item.duration_min / 60
            if rest > 0:
                return b * item.price / rest
    return REFERENCE_PRICE_UNIT


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _compare(tallies: list[Tally], currency: str, total: int) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("", "served", "wait", "95 % wait", "distance", "price", "charging", "mean cost"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for number, tally in enumerate(tallies):
        table.add_row(
            tally.name,
            f"{len(tally.served)} of {total}",
            f"{tally.mean('wait_min'):.1f} min",
            f"{tally.quantile('wait_min', 0.95):.0f} min",
            f"{tally.mean('km'):.2f} km",
            f"{tally.mean('price'):.2f} {currency}",
            f"{tally.mean('duration_min'):.0f} min",
            f"{tally.cost:.4f}",
            style="bold" if number == 0 else None,
        )
    console.print()
    console.print(table)
    for tally in tallies:
        reasons = Counter(item.reason for item in tally.outcomes if item.reason is not None)
        if reasons:
            console.print(f"  not served, {tally.name}: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items()))
    console.print("  " + ", ".join(f"{count:,} {name}" for name, count in tallies[0].notes.items()), style="dim")
    console.print(
        "\nLive map: drivers who see what is free now, go there, and drive on where it is taken when they come. Cars of the platform"
        "\nleave when their booking ends, the others when they are full, or (recorded stays) as late as they did that day. A"
        "\nsession begins in the minute of arrival, else on a slot of five minutes. What a booking adds on an empty day, knowing"
        "\nthat the charger will be free, no term counts."
    )


def main() -> None:
    """Reads CITY and DAYS from the environment."""
    telemetry.configure_logging("WARNING")
    try:
        if os.environ.get("CITY"):
            overlaid = os.environ.get("DAYS") or "1"
            if not overlaid.isdigit() or not 1 <= int(overlaid) <= 10:
                raise ValueError(f"DAYS={overlaid}: must be 1 to 10, the recorded days laid over one another")
            replay_city(Path(os.environ["CITY"]), overlaid=int(overlaid))
        else:
            one_request()
    except (AppError, ValueError, OSError) as error:
        console.print(str(error), style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
