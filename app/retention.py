"""How long each table keeps its rows: the one list of it. A test holds that no table is missing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pruned:
    """Rows that go by age."""

    sweep: str
    """Who deletes them (app/sweeps.py)."""
    after: str
    """The setting that holds the age, or the age in words where it is no setting."""


@dataclass(frozen=True)
class Kept:
    """Rows that stay."""

    why: str


PERSON = Kept("goes with the account, by functions/privacy")
CATALOGUE = Kept("what there is to book")
RECORD = Kept("what was agreed and charged; a person's part is pseudonymised when they leave")

RETENTION: dict[str, Pruned | Kept] = {
    "account_identity": PERSON,
    "account_session": Pruned("prune_accounts", "30 days after its end"),
    "account_token": Pruned("prune_accounts", "a week after its end"),
    "audit_entry": Kept("who changed what, for as long as the platform is"),
    "billing_profile": PERSON,
    "blocked_time": CATALOGUE,
    "booking": RECORD,
    "booking_rating": RECORD,
    "booking_request": RECORD,
    "cdr": RECORD,
    "charge_request": RECORD,
    "charging_session": RECORD,
    "claim_grid": Kept("since when slots are claimed as they are: a row"),
    "connector": CATALOGUE,
    "consent": PERSON,
    "decision": Pruned("export_decisions", "DECISION_DAYS"),
    "delivery": Pruned("prune_messages", "DELIVERY_DAYS"),
    "document": Kept("what was invoiced, with name and address, for the years that tax law asks"),
    "document_series": Kept("a row an owner and year: the next number"),
    "evse": CATALOGUE,
    "evse_feed": CATALOGUE,
    "evse_status_change": Pruned("prune_status_history", "FEED_HISTORY_DAYS"),
    "forecast": Kept("of the coming hour alone: each run replaces the last"),
    "forecast_memory": Kept("a row a group, replaced by each run"),
    "forecast_reliability": Kept("sums a day, not rows a forecast"),
    "idempotency_key": Pruned("prune_idempotency", "a week"),
    "inbox_message": Pruned("relay_outbox", "a week"),
    "ledger_check_run": Pruned("check_ledger", "35 days after it ended"),
    "ledger_difference": Kept("what did not agree in the books, and since when it does"),
    "ledger_party": RECORD,
    "ledger_posting": RECORD,
    "location": CATALOGUE,
    "location_day": Kept("sums a place and day, of nobody"),
    "location_feed": CATALOGUE,
    "location_photo": CATALOGUE,
    "location_revision": CATALOGUE,
    "location_staff": PERSON,
    "location_submission": CATALOGUE,
    "meter_value": Kept("what a bill rests on, for as long as the session it belongs to"),
    "notification": Pruned("prune_messages", "NOTIFICATION_DAYS"),
    "outbox_message": Pruned("relay_outbox", "a week after it left; dead letters stay"),
    "payment": RECORD,
    "payment_attempt": RECORD,
    "payment_customer": PERSON,
    "payment_event": RECORD,
    "payment_method": PERSON,
    "phone_verification": PERSON,
    "pool_tariff": CATALOGUE,
    "price_run": Kept("a row a location with a price rule"),
    "price_step": Kept("of the coming week alone: each run replaces the last"),
    "provider_event": Pruned("prune_provider_events", "35 days after it came"),
    "rate_limit": Pruned("prune_accounts", "when its window is over"),
    "recovery_code": PERSON,
    "refresh_token": Pruned("prune_accounts", "with its session"),
    "schema_compat": Kept("a row a migration"),
    "second_factor": PERSON,
    "slot_claim": Pruned("prune_claims", "CLAIM_DAYS"),
    "station_key": CATALOGUE,
    "strike": PERSON,
    "tariff": CATALOGUE,
    "tariff_period": CATALOGUE,
    "told": Kept("a row a booking and person: which of its letters was the last"),
    "user_account": PERSON,
    "user_preference": PERSON,
    "user_session": Pruned("prune_accounts", "30 days after its end"),
    "vehicle": PERSON,
    "waitlist_entry": PERSON,
    "waitlist_offer": PERSON,
}
