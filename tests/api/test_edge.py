"""The edge: one shape for every failure, limits on bodies, docs without internet, health."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.asgi import create_app
from app.process import make_platform
from shared.clock import ManualClock
from shared.errors import every_error
from shared.platform import Platform
from shared.settings import Settings
from tests.support.world import API, World

SHAPE = {"type", "title", "status", "code", "detail", "invocation_id"}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("GET", "/nothing", None, {}, 404, "NOT_FOUND"),
        ("DELETE", "/health", None, {}, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/accounts/login", b"{", {"content-type": "application/json"}, 422, "INVALID"),
        ("POST", "/accounts/login", b"a=b", {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/accounts/login", b"[]", {"content-type": "application/json"}, 422, "INVALID"),
        ("POST", "/accounts/login", b"x" * 300_000, {"content-type": "application/json"}, 413, "PAYLOAD_TOO_LARGE"),
        ("GET", "/accounts/me", None, {}, 401, "UNAUTHENTICATED"),
        ("GET", "/booking/bookings/not-a-uuid", None, {}, 401, "UNAUTHENTICATED"),
    ],
)
def test_every_failure_has_one_shape(
    client: TestClient, method: str, path: str, content: bytes | None, headers: dict[str, str], status: int, code: str
) -> None:
    answer = client.request(method, API + path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"errors", "limit_bytes"} == SHAPE
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["invocation_id"] == answer.headers["x-invocation-id"]


def test_a_body_without_a_length_is_limited_as_it_comes(client: TestClient) -> None:
    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b"x" * 10_000

    answer = client.post(f"{API}/accounts/login", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_a_fault_of_ours_is_a_problem_with_no_secrets(platform: Platform) -> None:
    app = create_app(lambda: platform)

    @app.get(f"{API}/broken")
    def broken() -> None:
        raise RuntimeError("password=hunter2")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get(f"{API}/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text


def test_health_says_whether_the_database_is_of_this_revision(tmp_path: Path, clock: ManualClock, client: TestClient) -> None:
    assert client.get(f"{API}/health").json()["status"] == "ok"
    bare = make_platform(Settings(data_dir=tmp_path / "bare"), clock)
    with TestClient(create_app(lambda: bare), raise_server_exceptions=False) as other:
        answer = other.get(f"{API}/health")
    bare.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert "python -m app.migrate" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "2"


def test_docs_load_from_here_alone(client: TestClient) -> None:
    page = client.get(f"{API}/docs").text
    assert "https://" not in page
    assert "http://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"{API}/docs/assets/{asset}" in page
        assert client.get(f"{API}/docs/assets/{asset}").status_code == 200


def test_openapi_has_the_contract(client: TestClient) -> None:
    document = client.get(f"{API}/openapi.json").json()
    found = {(method.upper(), path.removeprefix(API)) for path, item in document["paths"].items() for method in item}
    contract = """
        POST /accounts/register, POST /accounts/verification, POST /accounts/verify, POST /accounts/password/forgot,
        POST /accounts/password/reset, POST /accounts/email/confirm, POST /accounts/oidc/start, POST /accounts/oidc/finish,
        POST /accounts/me/password, POST /accounts/me/email, GET /accounts/me/sessions, DELETE /accounts/me/sessions,
        DELETE /accounts/me/sessions/{session_id}, GET /accounts/me/export, POST /accounts/me/deletion, GET /accounts/users,
        GET /accounts/users/{user_id}, PATCH /accounts/users/{user_id},
        POST /accounts/login/second-factor, GET /accounts/me/second-factor, POST /accounts/me/second-factor,
        POST /accounts/me/second-factor/confirm, POST /accounts/me/second-factor/recovery-codes,
        POST /accounts/me/second-factor/removal, POST /accounts/users/{user_id}/second-factor/removal,
        POST /accounts/login, POST /accounts/refresh, POST /accounts/logout, GET /accounts/me,
        PATCH /accounts/me, GET /accounts/me/vehicles, POST /accounts/me/vehicles, PATCH /accounts/me/vehicles/{vehicle_id},
        DELETE /accounts/me/vehicles/{vehicle_id}, GET /stations/locations, POST /stations/locations,
        GET /stations/locations/{location_id}, GET /stations/locations/{location_id}/availability, GET /booking/promises,
        POST /stations/locations/{location_id}/evses, PUT /stations/locations/{location_id}/tariffs,
        PUT /stations/locations/{location_id}/booking-terms,
        PUT /stations/locations/{location_id}/price-rule, GET /stations/locations/{location_id}/price-rule,
        DELETE /stations/locations/{location_id}/price-rule, GET /stations/locations/{location_id}/price-steps,
        PUT /stations/evses/{evse_id}/status, PUT /stations/locations/{location_id}/status,
        POST /stations/locations/{location_id}/heartbeat, GET /stations/locations/{location_id}/feed,
        DELETE /stations/locations/{location_id}/feed, POST /stations/locations/{location_id}/keys,
        GET /stations/locations/{location_id}/keys, POST /stations/keys/{key_id}/rotate, DELETE /stations/keys/{key_id},
        POST /stations/locations/{location_id}/approve,
        GET /stations/managed-locations, PATCH /stations/locations/{location_id}, DELETE /stations/locations/{location_id},
        PATCH /stations/locations/{location_id}/evses/{evse_id}, DELETE /stations/locations/{location_id}/evses/{evse_id},
        GET /stations/locations/{location_id}/tariffs, GET /stations/locations/{location_id}/booking-terms,
        POST /stations/locations/{location_id}/booking-terms/preview, POST /stations/locations/{location_id}/blocked-times,
        GET /stations/locations/{location_id}/blocked-times,
        DELETE /stations/locations/{location_id}/blocked-times/{blocked_time_id},
        POST /stations/locations/{location_id}/photos, GET /stations/locations/{location_id}/photos,
        GET /stations/locations/{location_id}/photos/{photo_id}, DELETE /stations/locations/{location_id}/photos/{photo_id},
        POST /stations/locations/{location_id}/submit, POST /stations/locations/{location_id}/withdraw,
        GET /stations/locations/{location_id}/submissions, POST /stations/locations/{location_id}/reject,
        POST /stations/locations/{location_id}/suspend, POST /stations/locations/{location_id}/lift, GET /accounts/audit,
        POST /booking/bookings, GET /booking/bookings, GET /booking/hosted,
        GET /booking/locations/{location_id}/calendar, GET /booking/bookings/{booking_id},
        POST /booking/bookings/{booking_id}/reschedule, POST /booking/bookings/{booking_id}/cancel,
        POST /booking/bookings/{booking_id}/start, POST /booking/bookings/{booking_id}/stop,
        POST /optimizer/charge-requests, GET /optimizer/charge-requests, GET /optimizer/charge-requests/{request_id},
        POST /optimizer/charge-requests/{request_id}/accept, POST /optimizer/charge-requests/{request_id}/cancel,
        GET /optimizer/charge-requests/{request_id}/decision, POST /optimizer/recommendations,
        GET /optimizer/forecasts/reliability, GET /optimizer/forecasts/{location_id},
        GET /optimizer/model, GET /optimizer/model/usage, GET /notify/inbox, POST /notify/inbox/{notification_id}/read,
        GET /notify/dead-letters, POST /notify/dead-letters/{message_id}/send-again, POST /payments/quotes,
        POST /payments/setups, GET /payments/methods, PUT /payments/methods/{method_id}/default,
        DELETE /payments/methods/{method_id}, POST /payments/bookings/{booking_id}/pay, GET /payments/transactions,
        GET /payments/transactions/{payment_id},
        GET /payments/ledger, GET /payments/balance, GET /payments/checks, POST /payments/checks/run,
        GET /payments/documents, GET /payments/documents/{document_id}, GET /payments/billing-profile,
        PUT /payments/billing-profile,
        POST /accounts/me/consents, GET /accounts/legal, POST /accounts/me/phone, POST /accounts/me/phone/confirm,
        DELETE /accounts/me/phone,
        GET /health, GET /config,
        POST /stations/evses/{evse_id}/authorize, PUT /stations/evses/{evse_id}/sessions/{ref},
        GET /booking/bookings/{booking_id}/access, POST /booking/hosted/{booking_id}/reading,
        GET /booking/bookings/{booking_id}/sessions, GET /booking/bookings/{booking_id}/cdrs, POST /booking/walk-ins,
        POST /booking/bookings/{booking_id}/decline-move, GET /accounts/me/standing,
        POST /waitlist, GET /waitlist, GET /waitlist/{entry_id}, POST /waitlist/{entry_id}/accept,
        POST /waitlist/{entry_id}/snooze, POST /waitlist/{entry_id}/leave,
        PUT /booking/bookings/{booking_id}/rating, GET /booking/bookings/{booking_id}/rating, GET /booking/hosted/ratings,
        POST /booking/hosted/ratings/{rating_id}/report, GET /booking/reported-ratings,
        POST /booking/reported-ratings/{rating_id}, GET /accounts/users/{user_id}/bookings, GET /administration/overview,
        GET /administration/evaluation, POST /booking/hosted/{booking_id}/cancel,
        POST /stations/locations/{location_id}/tariffs/preview,
        GET /booking/bookings/{booking_id}/calendar.ics,
        GET /booking/bookings/{booking_id}/cancellation, POST /booking/bookings/{booking_id}/reschedule/preview,
        GET /stations/places, GET /stations/map, GET /accounts/me/preferences, PATCH /accounts/me/preferences,
        GET /accounts/me/stats,
        GET /booking/hosted/summary, GET /booking/calendars, GET /stations/feeds, GET /stations/locations/{location_id}/staff,
        PUT /stations/locations/{location_id}/staff, GET /stations/staff-places,
        POST /stations/staff-places/{location_id}/accept, DELETE /stations/staff-places/{location_id}
    """
    assert found == {tuple(item.split()) for item in contract.replace("\n", " ").split(",")}


def test_every_error_makes_a_problem_document() -> None:
    for kind in every_error():
        problem = kind("why", extra=1).problem()
        assert problem["status"] == kind.status
        assert problem["extra"] == 1


def test_the_inbox_is_a_users_own(world: World) -> None:
    driver = world.user()
    driver.book(world.location(), "10:00")
    world.drain()
    (letter,) = driver.get("/notify/inbox").json()["items"]
    assert letter["type"] == "booking_reserved"
    assert world.user().post(f"/notify/inbox/{letter['id']}/read").status_code == 404
    assert driver.post(f"/notify/inbox/{letter['id']}/read").json()["read_at"] is not None
    assert driver.get("/notify/inbox", unread=True).json()["items"] == []
