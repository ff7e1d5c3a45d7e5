"""The page behind the links of a booking's messages, for where there is no web application: see, accept, move, decline, cancel.

Which booking is in the link's fragment, which browsers send to no server. Whoever opens it signs in, and the page's script asks
the API as any client does. The token stays in the page's memory.
"""

from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from shared.web.call import PREFIX
from shared.web.pages import page_response

router = APIRouter(prefix="/booking", include_in_schema=False)

SCRIPT = """
const api = document.querySelector("main").dataset.api, [id, act] = location.hash.slice(1).split("/");
const said = document.querySelector("output"), facts = document.getElementById("facts");
const form = (name) => document.getElementById(name);
let token = null, booking = null;

async function call(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = "Bearer " + token;
  if (method === "POST") headers["Idempotency-Key"] = crypto.randomUUID();
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail);
  return json;
}

function fact(name, value) {
  const term = document.createElement("dt"), data = document.createElement("dd");
  term.textContent = name; data.textContent = value;
  facts.append(term, data);
}

async function show() {
  booking = await call("GET", "/booking/bookings/" + id);
  const place = await call("GET", "/stations/locations/" + booking.location_id);
  const status = booking.reservation_status, zone = place.time_zone;
  const time = (text) => new Date(text).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "short", timeZone: zone });
  facts.replaceChildren();
  fact("Where", [place.name, place.address, place.city].filter(Boolean).join(", "));
  fact("When (" + zone + ")", time(booking.period.start) + " to " + time(booking.period.end));
  fact("Charger", booking.evse_uid === "#NA" ? "told 30 minutes before the start" : booking.evse_uid);
  fact("State", status);
  form("sign-in").hidden = true;
  form("accept").hidden = status !== "PENDING" || !booking.charge_request_id;
  form("move").hidden = status !== "RESERVED" || booking.terms.change_not_allowed;
  form("decline").hidden = status !== "RESERVED" || !booking.decline_until || new Date(booking.decline_until) < new Date();
  form("cancel").hidden = status !== "RESERVED" && status !== "PENDING";
  const wanted = act && form(act);
  if (wanted && !wanted.hidden) wanted.scrollIntoView();
}

function on(name, act) {
  form(name).addEventListener("submit", async (event) => {
    event.preventDefault();
    try { said.textContent = await act(new FormData(event.target)) || ""; await show(); }
    catch (error) { said.textContent = error.message; }
  });
}

on("sign-in", async (data) => { token = (await call("POST", "/accounts/login", Object.fromEntries(data))).access_token; });
on("accept", async () => {
  await call("POST", "/optimizer/charge-requests/" + booking.charge_request_id + "/accept", {});
  return "It is yours.";
});
on("move", async (data) => {
  await call("POST", "/booking/bookings/" + id + "/reschedule", { start: new Date(data.get("start")).toISOString() });
  return "Your booking has moved.";
});
on("decline", async () => {
  await call("POST", "/booking/bookings/" + id + "/decline-move", {});
  return "It is declined and costs you nothing.";
});
on("cancel", async () => {
  await call("POST", "/booking/bookings/" + id + "/cancel", {});
  return "Your booking is cancelled.";
});
"""


@lru_cache(maxsize=1)
def _html() -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    template = Environment(loader=templates, autoescape=True, undefined=StrictUndefined).get_template("booking.html")
    return template.render(script=SCRIPT, api=PREFIX)


@router.get("/page")
def booking_page() -> HTMLResponse:
    """The page of a booking; the fragment says which, and what its reader came for (`#<id>`, `#<id>/cancel`)."""
    return page_response(_html(), script=SCRIPT)
