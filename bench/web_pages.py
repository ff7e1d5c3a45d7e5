"""`make web-bench`: how soon the web application's pages are there, in chromium on the real devhost, as a slow phone sees them.

The phone is 360 by 780, its processor a quarter of this one, its line 1.6 Mbit/s with 150 ms; each visit is cold (a context of
its own). Prints the rows of docs/benchmarks.md; asserts nothing.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from app.process import make_platform
from devhost import web
from devhost.host.server import Host, free_port
from devhost.replay.seed import DEMO, Seeded, seed
from devhost.web_sizes import CHARGE, MAP, OWNERS_DAY, Sizes
from shared.settings import Settings

VISITS, PRESSES = 5, 20
PHONE = {"width": 360, "height": 780}
BYTES_A_SECOND = 1.6e6 / 8
LATENCY_MS = 150
SLOWER = 4
LONG_TASK_MS = 50

WATCH = """
window.seen = { lcp: 0, cls: 0, blocked: 0 };
const watch = (type, take) =>
  new PerformanceObserver(list => list.getEntries().forEach(take)).observe({ type, buffered: true });
watch("largest-contentful-paint", entry => { seen.lcp = entry.startTime; });
watch("layout-shift", entry => { if (!entry.hadRecentInput) seen.cls += entry.value; });
watch("longtask", entry => { seen.blocked += Math.max(0, entry.duration - LONG_TASK_MS); });
""".replace("LONG_TASK_MS", str(LONG_TASK_MS))


@contextmanager
def demo_host(folder: Path) -> Iterator[tuple[Host, Seeded]]:
    """The platform with its demo city on a port of its own, and the built application."""
    port = free_port()
    settings = Settings(
        data_dir=folder,
        public_url=f"http://127.0.0.1:{port}",
        demo=True,
        pending_bookings_per_driver=20,
        bookings_per_hour=10 * PRESSES,
        sms_per_number_hour=10 * PRESSES,
        sms_per_number_day=10 * PRESSES,
    )
    platform = make_platform(settings)
    host = Host(platform, port=port, site=web.built())
    host.prepare()
    seeded, _ = seed(platform, city=None, progress=lambda *_: None)
    host.serve_in_thread()
    host.delivery.start()
    try:
        yield host, seeded
    finally:
        host.stop()


def cold_visit(browser: Browser, url: str) -> dict[str, float]:
    """The sign-in page as a slow phone loads it for the first time: LCP and blocking time in ms, CLS."""
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(WATCH)
    device = context.new_cdp_session(page)
    device.send("Network.enable")
    line = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND}
    device.send("Network.emulateNetworkConditions", line)
    device.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(f"{url}/sign-in", wait_until="networkidle")
    seen: dict[str, float] = page.evaluate("window.seen")
    context.close()
    return seen


def sign_in(page: Page, url: str, seeded: Seeded) -> None:
    """Signs the demo driver in."""
    page.goto(f"{url}/sign-in")
    page.locator("input[name=email]").fill(DEMO["driver"][0])
    page.locator("input[name=password]").fill(seeded.password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)


def press_to_ticket(browser: Browser, url: str, seeded: Seeded) -> list[float]:
    """From the press on "Find my slot" to the ticket, ms, without throttling; each ticket is given back."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, base_url=url, reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, url, seeded)
    took = []
    for _ in range(PRESSES):
        page.goto("/")
        page.get_by_role("radio", name="at 07:00").check()
        button = page.get_by_role("button", name="Find my slot")
        button.wait_for()
        began = time.perf_counter()
        button.click()
        page.locator(".ticket h2").wait_for()
        took.append((time.perf_counter() - began) * 1000)
        with page.expect_response(lambda answer: answer.url.endswith("/cancel")):
            page.get_by_role("link", name="Change the wish").click()
    context.close()
    return took


def is_read_offline(browser: Browser, url: str) -> bool:
    """Whether the second visit shows the shell without a line."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/sign-in", wait_until="networkidle")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload(wait_until="networkidle")
    context.set_offline(True)
    page.goto("/sign-in")
    page.locator("h1").first.wait_for()
    context.close()
    return True


def main() -> None:
    """Measures, and prints a row a figure."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or web.built() is None:
        print("web-bench needs chromium (apt-get install -y chromium) and web/dist (python -m devhost.web build)")
        sys.exit(2)
    sizes = Sizes()
    rows: list[tuple[str, Any]] = [
        ("shell, kB gzip", f"{sizes.shell / 1000:.1f}"),
        ("+ Charge, kB", f"{sizes.beside_shell(CHARGE) / 1000:.1f}"),
        ("+ map, kB", f"{sizes.beside_shell(MAP) / 1000:.1f}"),
        ("+ owner's day, kB", f"{sizes.beside_shell(OWNERS_DAY) / 1000:.1f}"),
        ("fonts, Latin, kB", f"{sum(sizes.latin_fonts) / 1000:.1f}"),
    ]
    with tempfile.TemporaryDirectory() as folder, demo_host(Path(folder) / "data") as (host, seeded), sync_playwright() as pw:
        browser = pw.chromium.launch(executable_path=program, args=["--no-sandbox"])
        visits = [cold_visit(browser, host.url) for _ in range(VISITS)]
        presses = press_to_ticket(browser, host.url, seeded)
        offline = is_read_offline(browser, host.url)
        browser.close()
    for name, key, digits in (("LCP, sign-in, s", "lcp", 2), ("CLS", "cls", 3), ("blocking time, ms", "blocked", 0)):
        values = sorted(visit[key] / (1000 if key == "lcp" else 1) for visit in visits)
        rows.append((name, f"{statistics.median(values):.{digits}f} ({values[0]:.{digits}f} to {values[-1]:.{digits}f})"))
    p95 = statistics.quantiles(presses, n=20)[-1]
    rows.append(("press to ticket, ms, p50 and p95", f"{statistics.median(presses):.0f} and {p95:.0f}"))
    rows.append(("second visit offline", "read" if offline else "not read"))
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
