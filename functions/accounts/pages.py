"""The pages behind mailed links, and the legal texts: plain HTML without anything from elsewhere.

The token is in the link's fragment: browsers send it to no server. A page spends it only when a person presses its button, so
that scanners of mailboxes, which follow links, spend nothing.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from functions.accounts.legal_texts import Document, current, to_html
from shared.web.call import PREFIX
from shared.web.pages import page_response

router = APIRouter(prefix="/accounts", include_in_schema=False)

SCRIPT = """
const form = document.querySelector("form"), said = document.querySelector("output");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (!token) { form.hidden = true; said.textContent = "This link is not complete. Open it from the e-mail."; }
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = Object.assign({ token }, Object.fromEntries(new FormData(form)));
  const answer = await fetch(form.action, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), referrerPolicy: "no-referrer",
  });
  if (answer.ok) { form.hidden = true; said.textContent = form.dataset.done; }
  else { said.textContent = (await answer.json()).detail; }
});
"""
PAGES: dict[str, dict[str, Any]] = {
    "verify": {
        "title": "Confirm your e-mail address",
        "target": f"{PREFIX}/accounts/verify",
        "label": "The password you have just chosen",
        "complete": "current-password",
        "button": "Confirm",
        "done": "Thank you. Your account is ready; you can sign in.",
    },
    "password/reset": {
        "title": "Set a new password",
        "target": f"{PREFIX}/accounts/password/reset",
        "label": "New password, at least 8 characters",
        "complete": "new-password",
        "button": "Set",
        "done": "Your password is set. Every session has ended; sign in with the new one.",
    },
    "email/confirm": {
        "title": "Confirm your new e-mail address",
        "target": f"{PREFIX}/accounts/email/confirm",
        "label": None,
        "button": "Confirm",
        "done": "Thank you. Your account has this address now.",
    },
}


@lru_cache(maxsize=2)
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=templates, autoescape=True, undefined=StrictUndefined).get_template(name)


def _page(name: str) -> HTMLResponse:
    return page_response(_template("link.html").render(script=SCRIPT, **PAGES[name]), script=SCRIPT)


@router.get("/verify")
def verify_page() -> HTMLResponse:
    """The page of the link that verifies an address."""
    return _page("verify")


@router.get("/password/reset")
def reset_page() -> HTMLResponse:
    """The page of the link that sets a new password."""
    return _page("password/reset")


@router.get("/email/confirm")
def email_page() -> HTMLResponse:
    """The page of the link that confirms a new address."""
    return _page("email/confirm")


def _text_page(request: Request, document: Document) -> HTMLResponse:
    """A legal text. It is the operator's Markdown: what is no Markdown in it is shown as text (legal_texts.py)."""
    text = current(request.app.state.get_platform().settings, document)
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    page = _template("legal.html").render(title=text.title, version=text.version, content=to_html(text.markdown))
    return HTMLResponse(page, headers=headers)


@router.get("/terms")
def terms_page(request: Request) -> HTMLResponse:
    """The terms of use."""
    return _text_page(request, Document.TERMS)


@router.get("/privacy")
def privacy_page(request: Request) -> HTMLResponse:
    """The privacy notice."""
    return _text_page(request, Document.PRIVACY)


@router.get("/imprint")
def imprint_page(request: Request) -> HTMLResponse:
    """Who runs the platform."""
    return _text_page(request, Document.IMPRINT)
