"""Somebody at a browser: a context of their own on the application, watched for what the page complains of, and axe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect

from devhost import web
from devhost.host.server import Host
from devhost.replay.seed import DEMO, Seeded
from shared.clock import SystemClock
from tests.support.authenticator import Authenticator

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, PHONE = (1280, 860), (360, 780)
expect.set_options(timeout=20_000)


@lru_cache(maxsize=1)
def axe_source() -> str:
    """The accessibility checker, as npm brought it."""
    return (web.MODULES / "axe-core" / "axe.min.js").read_text()


@dataclass
class Application:
    """The running platform and the browser that looks at it."""

    host: Host
    seeded: Seeded
    browser: Browser

    @contextmanager
    def person(
        self,
        role: str | None = "driver",
        *,
        size: tuple[int, int] = WIDE,
        theme: Literal["light", "dark"] = "light",
        language: str = "en-GB",
    ) -> Iterator["Person"]:
        """A context of its own, signed in as a demo account; role None: nobody. No page may have complained at the end."""
        context = self.browser.new_context(
            base_url=self.host.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            locale=language,
            timezone_id="Europe/Amsterdam",
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        person = Person(self, context.new_page())
        try:
            if role is not None:
                person.sign_in(role)
            yield person
            assert not person.complaints, "\n".join(person.complaints)
        finally:
            context.close()


class Person:
    """One page, and what it complained of."""

    def __init__(self, application: Application, page: Page) -> None:
        self.application, self.page = application, page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._on_console(message.type, message.text))

    def _on_console(self, kind: str, text: str) -> None:
        # That an answer was a failure the browser writes by itself; a refusal of the policy is ours.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def sign_in(self, role: str) -> None:
        """Signs in as the demo account of a role, with the second factor where it has one."""
        seeded = self.application.seeded
        self.page.goto("/sign-in")
        self.page.locator("input[name=email]").fill(DEMO[role][0])
        self.page.locator("input[name=password]").fill(seeded.password)
        self.page.locator("button[type=submit]").click()
        if role == "admin":
            self.page.locator("input[name=code]").fill(Authenticator(seeded.admin_secret, SystemClock()).code())
            self.page.locator("button[type=submit]").click()
        expect(self.page).not_to_have_url("/sign-in")

    def visit(self, path: str) -> None:
        """Opens a path and waits until its heading is there and nothing is being fetched for the first time."""
        self.page.goto(path)
        expect(self.page.locator("h1").first).to_be_attached()
        expect(self.page.locator(".skeleton")).to_have_count(0)

    def flaws(self) -> list[str]:
        """What axe finds on the page as it stands, and what runs out of its row, one line each."""
        self.page.evaluate(axe_source())
        run: Any = self.page.evaluate("tags => axe.run(document, { runOnly: tags })", TAGS)
        found = [
            f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in run["violations"] for node in rule["nodes"]
        ]
        return found + [f"clipped: {text}" for text in self.page.evaluate(CLIPPED)]


CLIPPED = """() => {
  const flaws = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) flaws.push(`the page is ${wide} px wide`);
  for (const row of document.querySelectorAll(".chips, .acts, .bar, .tabs, .facts, .pair, .card, .row, .head, .state")) {
    const edge = row.getBoundingClientRect().right + 1;
    for (const child of row.children) {
      const box = child.getBoundingClientRect();
      const name = `${child.className || child.tagName} in ${row.className}`;
      if (box.width && box.right > edge) flaws.push(`${name}: ${child.textContent.slice(0, 40)}`);
    }
  }
  return flaws;
}"""
"""axe is blind to what is cut off: no child's right edge may pass its row's."""
