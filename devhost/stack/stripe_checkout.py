"""Checkout of the loopback Stripe: sessions that set a card up or hold a payment, what a person does on their page, and the
page."""

import html
from datetime import timedelta
from typing import Any

from devhost.stack.stripe_objects import CARDS, CHECKOUT_LEAST, CHECKOUT_LIVES, Document, Objects, Refused, invalid

WORDS = {
    "OK": "is taken",
    "DECLINES": "is declined",
    "DECLINES_LATER": "is saved, and declined when it is charged later",
    "ASKS_WHO": "asks who you are (3-D Secure)",
}


def open_session(objects: Objects, sent: Document) -> Document:
    """POST checkout/sessions in the modes `setup` and `payment`."""
    mode = sent.get("mode")
    if mode not in ("setup", "payment"):
        raise invalid("Invalid mode.", param="mode")
    now = objects.now()
    expires_at = int(sent.get("expires_at", now + int(CHECKOUT_LIVES.total_seconds())))
    if not timedelta(seconds=expires_at - now) >= CHECKOUT_LEAST - timedelta(seconds=60):
        raise invalid("The `expires_at` timestamp must be at least 30 minutes from now.", param="expires_at")
    intent_data: dict[str, Any] = sent.get("payment_intent_data", {})
    session = objects.add(
        "cs_test",
        "checkout.session",
        mode=mode,
        customer=sent.get("customer"),
        client_reference_id=sent.get("client_reference_id"),
        metadata=sent.get("metadata", {}),
        success_url=sent["success_url"],
        cancel_url=sent.get("cancel_url"),
        expires_at=expires_at,
        status="open",
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        payment_intent=None,
        setup_intent=None,
        amount_total=None,
        currency=sent.get("currency"),
    )
    session["url"] = f"{objects.base}/checkout/{session['id']}"
    if mode == "payment":
        price = sent["line_items"]["0"]["price_data"]
        session |= {"amount_total": int(price["unit_amount"]), "currency": price["currency"], "asked": intent_data}
    return session


def current(objects: Objects, session: Document) -> Document:
    """The session as it is now: one whose time is over has expired by itself."""
    if session["status"] == "open" and session["expires_at"] <= objects.now():
        _expired(objects, session)
    return session


def expire(objects: Objects, session: Document) -> Document:
    """POST checkout/sessions/{id}/expire. Raises Refused for one that is not open."""
    if current(objects, session)["status"] != "open":
        raise invalid(f'Only Checkout Sessions with a status in ["open"] can be expired. It is {session["status"]}.')
    _expired(objects, session)
    return session


def _expired(objects: Objects, session: Document) -> None:
    session |= {"status": "expired", "url": None}
    objects.tell("checkout.session.expired", session)


def complete(objects: Objects, session: Document, number: str) -> Document:
    """What a person does on the page, with a test card; who is there shows who they are. Raises Refused for a decline."""
    if current(objects, session)["status"] != "open":
        raise invalid("This page is no longer open.")
    if number not in CARDS:
        raise Refused(402, "card_error", "Your card number is incorrect.", code="incorrect_number")
    method = objects.card(number)
    if session["mode"] == "setup":
        if method["conduct"] == "DECLINES":
            raise Refused(402, "card_error", "Your card was declined.", code="card_declined")
        method["customer"] = session["customer"]
        setup = objects.add(
            "seti",
            "setup_intent",
            customer=session["customer"],
            payment_method=method["id"],
            status="succeeded",
            usage="off_session",
            metadata=session["metadata"],
        )
        session["setup_intent"] = setup["id"]
    else:
        sent = {"amount": session["amount_total"], "currency": session["currency"], "customer": session["customer"]}
        intent = objects.intent(session["asked"] | sent)
        objects.confirm(intent, {"payment_method": method["id"], "proven": "true"})
        session |= {"payment_intent": intent["id"], "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid"}
    session |= {"status": "complete", "url": None}
    objects.tell("checkout.session.completed", session)
    return session


def page(session: Document, said: str = "") -> str:
    """The page that stands for Checkout."""
    amount = "" if session["amount_total"] is None else f"{session['amount_total']} {session['currency'].upper()} (minor units)"
    choices = "".join(
        f'<p><label><input type="radio" name="number" value="{number}"{" checked" if not place else ""}> '
        f"{number[:4]} ... {number[-4:]} {html.escape(WORDS[conduct])}</label></p>"
        for place, (number, (_, _, conduct)) in enumerate(CARDS.items())
    )
    back = f'<p><a href="{html.escape(session["cancel_url"])}">Back without paying</a></p>' if session["cancel_url"] else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Pay (simulated)</title>"
        f"<h1>Simulated Checkout</h1><p>No money moves: this page stands for the provider's. {html.escape(amount)}</p>"
        f'<p role="alert">{html.escape(said)}</p><form method="post"><fieldset><legend>Card</legend>{choices}</fieldset>'
        f"<button>{'Save card' if session['mode'] == 'setup' else 'Pay'}</button></form>{back}</html>"
    )
