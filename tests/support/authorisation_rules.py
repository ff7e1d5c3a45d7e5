"""Who may call what: one line a route, read by tests/api/test_authorisation.py, which fails for a route without a line.

A new route: add a line to RULES. `who` may call it, everybody else gets 401 (no token) or 403 (another role). Path parameters
are filled by `OBJECTS` (authorisation_objects.py) with something of the caller's own; with another tenant's id, and with one
that does not exist, the answer must be the same 404, unless the role is in `sees_all`. `body` makes the call with one's own
object succeed, so that a rule cannot hold by accident; every schema is also tried with fields it does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from functions.accounts import repository as account_rows
from functions.accounts import repository_phones
from functions.accounts import repository_second_factor as factor_rows
from functions.accounts.domain import PhoneVerification, phone_code
from functions.accounts.passwords import hash_password
from shared.db import new_id
from tests.support.authorisation_objects import AT, PICTURE, WISH, Scene
from tests.support.people import TERMS
from tests.support.world import TYPE2, Person

ANYBODY = frozenset({"nobody", "driver", "owner", "admin"})
SIGNED_IN = frozenset({"driver", "owner", "admin"})
OWNERS = frozenset({"owner", "admin"})
ADMINS = frozenset({"admin"})
STATIONS = frozenset({"station_key"})
EVERYBODY = ANYBODY | STATIONS
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """A route's rule. `ids` overrides OBJECTS; `body` may be made from the scene; `status` is what the allowed call answers.

    A `body` of bytes goes as it is, with the Content-Type of `headers`. `public` names an object that everybody may see
    (the ids of `ids` are then those that are hidden from strangers). `blind` routes are pages and documents that look at no
    token at all.
    """

    who: frozenset[str]
    ids: Mapping[str, str] = field(default_factory=dict)
    body: Any | Callable[[Scene, Person], Any] = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    sees_all: frozenset[str] = ADMINS
    status: int = 200
    public: Mapping[str, str] = field(default_factory=dict)
    blind: bool = False


def _later(scene: Scene, hours: int) -> str:
    return (scene.world.platform.clock.now() + timedelta(hours=hours)).isoformat()


def _window(scene: Scene) -> dict[str, str]:
    return {"start": _later(scene, 2), "end": _later(scene, 6)}


def _an_hour_somewhere(scene: Scene, _person: Person) -> dict[str, Any]:
    place = scene.world.location(name=f"Place {new_id()}")
    return {"location_id": place, "connector": TYPE2, "start": _later(scene, 3), "duration_minutes": 60}


OVERWRITE = {"If-Match": "*"}


@lru_cache(maxsize=1)
def _hashed() -> str:
    return hash_password("a horse of 4 batteries")


def _phone_code(scene: Scene, person: Person) -> str:
    """The code of a number that waits to be proven."""
    now = scene.world.platform.clock.now()
    waiting = PhoneVerification(person.id, new_id(), "+31612345678", 0, now, now + timedelta(minutes=10))
    scene.world.platform.transact(lambda tx: repository_phones.replace(tx, waiting))
    return phone_code(scene.world.platform.settings.signing_key, waiting.id)


def _password(scene: Scene, person: Person) -> str:
    """Gives a person a password, and makes another administrator, so that they are not the last."""
    scene.world.platform.transact(lambda tx: account_rows.update_user(tx, person.id, password_hash=_hashed()))
    scene.world.user("admin")
    return "a horse of 4 batteries"


def _code(scene: Scene, person: Person) -> dict[str, Any]:
    """Gives a person a second factor, and the code it shows."""
    from tests.support.authenticator import equip

    return {"code": equip(scene.world, person).code()}


def _first_code(scene: Scene, person: Person) -> dict[str, Any]:
    """The same, of a factor that is only begun."""
    body = _code(scene, person)
    scene.world.platform.transact(lambda tx: factor_rows.update_factor(tx, person.id, confirmed_at=None))
    return body


def _newcomer(_scene: Scene, _person: Person) -> dict[str, Any]:
    return {"email": f"{new_id()}@example.org", "password": "a horse of 4 batteries", "name": "Ada"}


PRICE_RULE = {"floor": 0.8, "ceiling": 1.5, "steps": [{"occupancy": 0.8, "factor": 1.2}]}
FLAT = {"id": "flat", "currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": 0.4, "vat": 21}]}]}
PLACE = {
    "name": "New",
    "address": "Plein 3",
    "city": "Utrecht",
    "country": "NLD",
    "latitude": 52.0,
    "longitude": 5.0,
    "time_zone": "Europe/Amsterdam",
}
EVSE = {"uid": "E9", "connectors": [{"standard": TYPE2, "power_type": "AC_3_PHASE", "max_power_kw": 22}]}

RULES: dict[str, Rule] = {
    # accounts
    "POST /accounts/register": Rule(EVERYBODY, blind=True, body=_newcomer, status=202),
    "POST /accounts/verification": Rule(EVERYBODY, blind=True, body={"email": "nobody@example.org"}, status=202),
    "GET /accounts/verify": Rule(EVERYBODY, blind=True),
    "POST /accounts/verify": Rule(EVERYBODY, blind=True, body={"token": "unknown", "password": "any"}, status=401),
    "POST /accounts/login": Rule(EVERYBODY, blind=True, body={"email": "nobody@example.org", "password": "wrong"}, status=401),
    "POST /accounts/login/second-factor": Rule(
        EVERYBODY, blind=True, body={"challenge": "unknown", "code": "123456"}, status=401
    ),
    "GET /accounts/me/second-factor": Rule(SIGNED_IN),
    "POST /accounts/me/second-factor": Rule(SIGNED_IN, body=lambda scene, person: {"password": _password(scene, person)}),
    "POST /accounts/me/second-factor/confirm": Rule(SIGNED_IN, body=_first_code),
    "POST /accounts/me/second-factor/recovery-codes": Rule(SIGNED_IN, body=_code),
    "POST /accounts/me/second-factor/removal": Rule(SIGNED_IN, body=_code, status=204),
    "POST /accounts/users/{user_id}/second-factor/removal": Rule(
        ADMINS, ids={"user_id": "equipped_user"}, body={"reason": "Lost their phone"}, status=204
    ),
    "POST /accounts/password/forgot": Rule(EVERYBODY, blind=True, body={"email": "nobody@example.org"}, status=202),
    "GET /accounts/password/reset": Rule(EVERYBODY, blind=True),
    "POST /accounts/password/reset": Rule(
        EVERYBODY, blind=True, body={"token": "unknown", "password": "a horse of 4"}, status=401
    ),
    "GET /accounts/email/confirm": Rule(EVERYBODY, blind=True),
    "POST /accounts/email/confirm": Rule(EVERYBODY, blind=True, body={"token": "unknown"}, status=401),
    "POST /accounts/oidc/start": Rule(EVERYBODY, blind=True, status=404),
    "POST /accounts/oidc/finish": Rule(EVERYBODY, blind=True, body={"code": "c", "state": "s", "binding": "b"}, status=404),
    "POST /accounts/refresh": Rule(EVERYBODY, blind=True, body={"refresh_token": "unknown"}, status=401),
    "GET /booking/page": Rule(EVERYBODY, blind=True),
    "POST /accounts/logout": Rule(SIGNED_IN, status=204),
    "GET /accounts/audit": Rule(ADMINS),
    "GET /accounts/legal": Rule(EVERYBODY, blind=True),
    "GET /accounts/terms": Rule(ANYBODY | STATIONS, blind=True),
    "GET /accounts/privacy": Rule(ANYBODY | STATIONS, blind=True),
    "GET /accounts/imprint": Rule(ANYBODY | STATIONS, blind=True),
    "GET /accounts/me": Rule(SIGNED_IN),
    "POST /accounts/me/consents": Rule(SIGNED_IN, body={"document": "terms", "version": TERMS}, status=201),
    "PATCH /accounts/me": Rule(SIGNED_IN, body={"name": "Ada L."}),
    "POST /accounts/me/password": Rule(
        SIGNED_IN,
        body=lambda scene, person: {"current_password": _password(scene, person), "new_password": "another horse"},
        status=204,
    ),
    "POST /accounts/me/email": Rule(
        SIGNED_IN,
        body=lambda scene, person: {"email": "new@example.org", "password": _password(scene, person)},
        status=202,
    ),
    "POST /accounts/me/phone": Rule(
        SIGNED_IN,
        body=lambda scene, person: {"number": "06 1234 5678", "country": "NL", "password": _password(scene, person)},
        status=202,
    ),
    "POST /accounts/me/phone/confirm": Rule(SIGNED_IN, body=lambda scene, person: {"code": _phone_code(scene, person)}),
    "DELETE /accounts/me/phone": Rule(SIGNED_IN, status=204),
    "GET /accounts/me/sessions": Rule(SIGNED_IN),
    "DELETE /accounts/me/sessions": Rule(SIGNED_IN, status=204),
    "DELETE /accounts/me/sessions/{session_id}": Rule(SIGNED_IN, sees_all=NONE, status=204),
    "GET /accounts/me/export": Rule(SIGNED_IN),
    "GET /accounts/me/standing": Rule(SIGNED_IN),
    "GET /accounts/me/preferences": Rule(SIGNED_IN),
    "PATCH /accounts/me/preferences": Rule(
        SIGNED_IN, body={"language": "de", "places": [{"name": "Home", "latitude": 52.09, "longitude": 5.12}]}
    ),
    "GET /accounts/me/stats": Rule(SIGNED_IN, query={"from": "2026-01-01", "to": "2026-04-01"}),
    "POST /accounts/me/deletion": Rule(
        SIGNED_IN, body=lambda scene, person: {"password": _password(scene, person)}, status=204
    ),
    "GET /accounts/users": Rule(ADMINS),
    "GET /accounts/users/{user_id}": Rule(ADMINS),
    "PATCH /accounts/users/{user_id}": Rule(ADMINS, body={"role": "owner", "reason": "hand over"}),
    "GET /accounts/me/vehicles": Rule(SIGNED_IN),
    "POST /accounts/me/vehicles": Rule(
        SIGNED_IN, body={"battery_kwh": 52, "max_power_kw": 22, "connectors": [TYPE2]}, status=201
    ),
    "PATCH /accounts/me/vehicles/{vehicle_id}": Rule(SIGNED_IN, body={"name": "Zoe"}, sees_all=NONE),
    "DELETE /accounts/me/vehicles/{vehicle_id}": Rule(SIGNED_IN, sees_all=NONE, status=204),
    # stations
    "GET /stations/locations": Rule(ANYBODY, query={"latitude": 52.09, "longitude": 5.12}),
    "GET /stations/places": Rule(ANYBODY, query={"q": "stad"}),
    "GET /stations/map": Rule(ANYBODY, query={"bbox": "5.0,52.0,5.2,52.2"}),
    "GET /stations/locations/{location_id}": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    "GET /stations/locations/{location_id}/availability": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    "POST /stations/locations": Rule(OWNERS, body=PLACE, status=201),
    "GET /stations/managed-locations": Rule(OWNERS),
    "PATCH /stations/locations/{location_id}": Rule(OWNERS, body={"name": "Newer"}, headers=OVERWRITE),
    "DELETE /stations/locations/{location_id}": Rule(OWNERS, headers=OVERWRITE, status=204),
    "POST /stations/locations/{location_id}/evses": Rule(OWNERS, body=EVSE, headers=OVERWRITE, status=201),
    "PATCH /stations/locations/{location_id}/evses/{evse_id}": Rule(
        OWNERS, ids={"evse_id": "evse_there"}, body={"connectors": EVSE["connectors"]}, headers=OVERWRITE
    ),
    "DELETE /stations/locations/{location_id}/evses/{evse_id}": Rule(OWNERS, ids={"evse_id": "evse_there"}, headers=OVERWRITE),
    "PUT /stations/locations/{location_id}/tariffs": Rule(OWNERS, body={"tariffs": [{"tariff": FLAT}]}, headers=OVERWRITE),
    "POST /stations/locations/{location_id}/tariffs/preview": Rule(OWNERS, body={"tariffs": [{"tariff": FLAT}]}),
    "GET /stations/locations/{location_id}/tariffs": Rule(OWNERS),
    "PUT /stations/locations/{location_id}/price-rule": Rule(OWNERS, body=PRICE_RULE, headers=OVERWRITE),
    "GET /stations/locations/{location_id}/price-rule": Rule(OWNERS),
    "DELETE /stations/locations/{location_id}/price-rule": Rule(
        OWNERS, ids={"location_id": "priced_location"}, headers=OVERWRITE
    ),
    "GET /stations/locations/{location_id}/price-steps": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    "PUT /stations/locations/{location_id}/booking-terms": Rule(OWNERS, body={"booking_horizon_days": 7}, headers=OVERWRITE),
    "GET /stations/locations/{location_id}/booking-terms": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    "POST /stations/locations/{location_id}/booking-terms/preview": Rule(OWNERS, body={"booking_horizon_days": 7}),
    "POST /stations/locations/{location_id}/blocked-times": Rule(
        OWNERS,
        body=lambda scene, _: {"period": {"start": _later(scene, 24), "end": _later(scene, 26)}, "reason": "Inspection"},
        headers=OVERWRITE,
        status=201,
    ),
    "GET /stations/locations/{location_id}/blocked-times": Rule(OWNERS),
    "DELETE /stations/locations/{location_id}/blocked-times/{blocked_time_id}": Rule(OWNERS, headers=OVERWRITE),
    "POST /stations/locations/{location_id}/photos": Rule(
        OWNERS, body=PICTURE, headers=OVERWRITE | {"Content-Type": "image/png"}, status=201
    ),
    "GET /stations/locations/{location_id}/photos": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    "GET /stations/locations/{location_id}/photos/{photo_id}": Rule(
        ANYBODY, ids={"location_id": "location_suspended"}, public={"location_id": "location", "photo_id": "photo"}
    ),
    "DELETE /stations/locations/{location_id}/photos/{photo_id}": Rule(OWNERS, headers=OVERWRITE),
    "POST /stations/locations/{location_id}/submit": Rule(OWNERS, ids={"location_id": "location_draft"}, headers=OVERWRITE),
    "POST /stations/locations/{location_id}/withdraw": Rule(
        OWNERS, ids={"location_id": "location_submitted"}, headers=OVERWRITE
    ),
    "GET /stations/locations/{location_id}/submissions": Rule(OWNERS),
    "POST /stations/locations/{location_id}/approve": Rule(ADMINS, ids={"location_id": "location_submitted"}),
    # the feed, by station key
    "PUT /stations/evses/{evse_id}/status": Rule(
        STATIONS, body=lambda scene, _: {"status": "CHARGING", "last_updated": _later(scene, 0)}, sees_all=NONE
    ),
    "PUT /stations/evses/{evse_id}/sessions/{ref}": Rule(
        STATIONS,
        ids={"ref": "session_ref"},
        body=lambda scene, _: {
            "status": "ACTIVE",
            "start_date_time": _later(scene, 0),
            "kwh": 0,
            "last_updated": _later(scene, 0),
        },
        sees_all=NONE,
    ),
    "POST /stations/evses/{evse_id}/authorize": Rule(
        STATIONS, body={"method": "ACCESS_CODE", "value": "000000"}, sees_all=NONE
    ),
    "PUT /stations/locations/{location_id}/status": Rule(
        STATIONS,
        ids={"location_id": "fed_location"},
        body=lambda scene, _: {"evses": [{"uid": "E1", "status": "CHARGING", "last_updated": _later(scene, 0)}]},
        sees_all=NONE,
    ),
    "POST /stations/locations/{location_id}/heartbeat": Rule(STATIONS, ids={"location_id": "fed_location"}, sees_all=NONE),
    "GET /stations/locations/{location_id}/feed": Rule(OWNERS | STATIONS, ids={"location_id": "fed_location"}),
    "DELETE /stations/locations/{location_id}/feed": Rule(OWNERS, status=204),
    "POST /stations/locations/{location_id}/keys": Rule(OWNERS, body={"name": "gateway"}, status=201),
    "GET /stations/locations/{location_id}/keys": Rule(OWNERS),
    "POST /stations/keys/{key_id}/rotate": Rule(OWNERS, body={"grace_minutes": 0}, status=201),
    "DELETE /stations/keys/{key_id}": Rule(OWNERS, status=204),
    "POST /stations/locations/{location_id}/reject": Rule(
        ADMINS, ids={"location_id": "location_submitted"}, body={"reason": "No such street"}
    ),
    "POST /stations/locations/{location_id}/suspend": Rule(ADMINS, body={"reason": "Unsafe cables"}),
    "POST /stations/locations/{location_id}/lift": Rule(ADMINS, ids={"location_id": "location_suspended"}),
    # booking
    "POST /booking/bookings": Rule(
        SIGNED_IN,
        body=_an_hour_somewhere,
        status=201,
    ),
    "GET /booking/bookings": Rule(SIGNED_IN),
    "GET /booking/hosted": Rule(OWNERS),
    "GET /booking/locations/{location_id}/calendar": Rule(OWNERS),
    "GET /booking/promises": Rule(ADMINS),
    "PUT /booking/bookings/{booking_id}/rating": Rule(
        SIGNED_IN, ids={"booking_id": "booking_stopped"}, body={"stars": 4, "reasons": ["AS_PROMISED"]}, sees_all=NONE
    ),
    "GET /booking/bookings/{booking_id}/rating": Rule(SIGNED_IN, ids={"booking_id": "booking_rated"}),
    "GET /booking/hosted/ratings": Rule(OWNERS),
    "POST /booking/hosted/ratings/{rating_id}/report": Rule(OWNERS, body={"reason": "It names somebody"}),
    "GET /booking/reported-ratings": Rule(ADMINS),
    "POST /booking/reported-ratings/{rating_id}": Rule(
        ADMINS, ids={"rating_id": "reported_rating"}, body={"remove_words": True}
    ),
    "GET /booking/bookings/{booking_id}": Rule(SIGNED_IN),
    "GET /booking/bookings/{booking_id}/calendar.ics": Rule(SIGNED_IN),
    "GET /booking/bookings/{booking_id}/cancellation": Rule(SIGNED_IN),
    "POST /booking/bookings/{booking_id}/reschedule/preview": Rule(
        SIGNED_IN, body=lambda scene, _: {"start": _later(scene, 8)}
    ),
    "POST /booking/bookings/{booking_id}/reschedule": Rule(SIGNED_IN, body=lambda scene, _: {"start": _later(scene, 8)}),
    "POST /booking/bookings/{booking_id}/cancel": Rule(SIGNED_IN, body={"reason": "UNKNOWN"}),
    "POST /booking/bookings/{booking_id}/decline-move": Rule(SIGNED_IN, ids={"booking_id": "booking_relocated"}, sees_all=NONE),
    "POST /booking/bookings/{booking_id}/start": Rule(SIGNED_IN, ids={"booking_id": "booking_due"}, body={"vacant": False}),
    "POST /booking/bookings/{booking_id}/stop": Rule(SIGNED_IN, ids={"booking_id": "booking_started"}, body={}),
    "GET /booking/bookings/{booking_id}/access": Rule(SIGNED_IN, ids={"booking_id": "booking_started"}, sees_all=NONE),
    "POST /booking/walk-ins": Rule(
        SIGNED_IN,
        body=lambda scene, _: {
            "location_id": scene.world.location(name=f"Place {new_id()}"),
            "connector": TYPE2,
            "energy_kwh": 6,
        },
        status=201,
    ),
    "GET /booking/bookings/{booking_id}/sessions": Rule(SIGNED_IN, ids={"booking_id": "booking_started"}),
    "GET /booking/bookings/{booking_id}/cdrs": Rule(SIGNED_IN, ids={"booking_id": "booking_stopped"}),
    "POST /booking/hosted/{booking_id}/cancel": Rule(
        OWNERS, ids={"booking_id": "hosted_booking"}, body={"reason": "BLOCKED", "words": "The street is closed."}
    ),
    "GET /booking/hosted/summary": Rule(OWNERS, query={"from": "2026-03-01", "to": "2026-03-03"}),
    "GET /booking/calendars": Rule(OWNERS),
    "GET /stations/feeds": Rule(OWNERS),
    "GET /stations/locations/{location_id}/staff": Rule(OWNERS),
    "PUT /stations/locations/{location_id}/staff": Rule(
        OWNERS, body={"staff": [{"email": "grace@example.org", "rights": "OPERATE"}]}
    ),
    "GET /stations/staff-places": Rule(OWNERS),
    "POST /stations/staff-places/{location_id}/accept": Rule(OWNERS, ids={"location_id": "staff_place"}, sees_all=NONE),
    "DELETE /stations/staff-places/{location_id}": Rule(OWNERS, ids={"location_id": "staff_place"}, sees_all=NONE, status=204),
    "POST /booking/hosted/{booking_id}/reading": Rule(OWNERS, ids={"booking_id": "hosted_session"}, body={"kwh": 0.2}),
    # optimizer
    "POST /optimizer/charge-requests": Rule(SIGNED_IN, body=WISH, status=202),
    "GET /optimizer/charge-requests": Rule(SIGNED_IN),
    "GET /optimizer/charge-requests/{request_id}": Rule(SIGNED_IN),
    "GET /optimizer/charge-requests/{request_id}/decision": Rule(SIGNED_IN),
    "POST /optimizer/charge-requests/{request_id}/accept": Rule(SIGNED_IN, ids={"request_id": "offer"}, body={"offer": 0}),
    "POST /optimizer/charge-requests/{request_id}/cancel": Rule(SIGNED_IN),
    "POST /optimizer/recommendations": Rule(ANYBODY, body=WISH),
    "GET /optimizer/model": Rule(ANYBODY),
    "GET /optimizer/model/usage": Rule(ADMINS),
    "GET /optimizer/forecasts/reliability": Rule(ADMINS),
    "GET /optimizer/forecasts/{location_id}": Rule(
        ANYBODY, ids={"location_id": "location_submitted"}, public={"location_id": "location"}
    ),
    # the waitlist
    "POST /waitlist": Rule(SIGNED_IN, body=lambda scene, _: {"wish": WISH | AT, "window": _window(scene)}, status=201),
    "GET /waitlist": Rule(SIGNED_IN),
    "GET /waitlist/{entry_id}": Rule(SIGNED_IN, sees_all=NONE),
    "POST /waitlist/{entry_id}/accept": Rule(SIGNED_IN, ids={"entry_id": "waitlist_offered"}, sees_all=NONE),
    "POST /waitlist/{entry_id}/snooze": Rule(SIGNED_IN, sees_all=NONE),
    "POST /waitlist/{entry_id}/leave": Rule(SIGNED_IN, sees_all=NONE),
    # notify
    "GET /notify/inbox": Rule(SIGNED_IN),
    "POST /notify/inbox/{notification_id}/read": Rule(SIGNED_IN, sees_all=NONE),
    "GET /notify/dead-letters": Rule(ADMINS),
    "POST /notify/dead-letters/{message_id}/send-again": Rule(ADMINS, status=202),
    # payments
    "POST /payments/quotes": Rule(
        ANYBODY,
        body=_an_hour_somewhere,
    ),
    # Without a provider nothing is opened or forgotten there; who may ask is decided before that.
    "POST /payments/setups": Rule(SIGNED_IN, body={"return_url": "/cards"}, status=503),
    "GET /payments/methods": Rule(SIGNED_IN),
    "PUT /payments/methods/{method_id}/default": Rule(SIGNED_IN, sees_all=NONE),
    "DELETE /payments/methods/{method_id}": Rule(SIGNED_IN, sees_all=NONE, status=503),
    "POST /payments/bookings/{booking_id}/pay": Rule(SIGNED_IN, sees_all=NONE, body={"return_url": "/bookings"}, status=409),
    "GET /payments/transactions": Rule(SIGNED_IN),
    "GET /payments/transactions/{payment_id}": Rule(SIGNED_IN),
    "POST /payments/webhooks/stripe": Rule(
        EVERYBODY, blind=True, body={"id": "evt_1"}, headers={"Stripe-Signature": "t=1,v1=0"}, status=503
    ),
    "GET /payments/documents": Rule(SIGNED_IN),
    "GET /payments/documents/{document_id}": Rule(SIGNED_IN),
    "PUT /payments/billing-profile": Rule(SIGNED_IN, body={"name": "Ada", "address": "Plein 1", "country": "NL"}),
    "GET /payments/billing-profile": Rule(SIGNED_IN, status=404),
    "GET /payments/ledger": Rule(ADMINS, query={"account": "stripe"}),
    "GET /payments/balance": Rule(OWNERS),
    "GET /payments/checks": Rule(ADMINS),
    "POST /payments/checks/run": Rule(ADMINS),
    # administration
    "GET /accounts/users/{user_id}/bookings": Rule(ADMINS),
    "GET /administration/overview": Rule(ADMINS),
    "GET /administration/evaluation": Rule(ADMINS),
    # the root
    "GET /health": Rule(EVERYBODY, blind=True),
    "GET /config": Rule(EVERYBODY, blind=True),
    "GET /docs": Rule(EVERYBODY, blind=True),
    "GET /openapi.json": Rule(EVERYBODY, blind=True),
    "HEAD /openapi.json": Rule(EVERYBODY, blind=True),
}
MOUNTS = {"/docs/assets"}
"""Folders of files that everybody may read."""

OPEN_OBJECTS = {"Tariff"}
"""Payloads that ignore what they do not know instead of refusing it: OCPI's own objects, whose receivers must."""
