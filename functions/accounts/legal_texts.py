"""Terms, privacy notice and imprint: Markdown that the operator sets, with a version, as safe HTML."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from shared.settings import Settings

SHIPPED = Path(__file__).parent / "legal"
_VERSION = re.compile(r"^Version: *([\w.\-]{1,64}) *$", re.MULTILINE)
_TITLE = re.compile(r"^# +(.+?) *$", re.MULTILINE)


class Document(StrEnum):
    """The texts there are."""

    TERMS = "terms"
    PRIVACY = "privacy"
    IMPRINT = "imprint"


ACCEPTED = (Document.TERMS, Document.PRIVACY)
"""The texts that people accept, each version anew."""


@dataclass(frozen=True)
class LegalText:
    """A text as it is now."""

    document: Document
    version: str
    """What its line `Version: ...` says; without one the beginning of the text's hash, so that every change is a version."""
    title: str
    """Its first heading."""
    markdown: str
    text_hash: str
    """SHA-256: which text it was, should a version be used twice."""


def current(settings: Settings, document: Document) -> LegalText:
    """A text as the settings name it, or the one that comes with the software. Raises ValueError for what is no UTF-8 text."""
    files = {
        Document.TERMS: settings.legal_terms_file,
        Document.PRIVACY: settings.legal_privacy_file,
        Document.IMPRINT: settings.legal_imprint_file,
    }
    return _read(document, files[document] or SHIPPED / f"{document.value}.md")


@lru_cache(maxsize=32)
def _read(document: Document, path: Path) -> LegalText:
    """Read once a process: a new text comes with a new deployment."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"LEGAL_{document.name}_FILE: {path} must be UTF-8 text: {error}") from error
    digest = hashlib.sha256(text.encode()).hexdigest()
    version, title = _VERSION.search(text), _TITLE.search(text)
    return LegalText(
        document=document,
        version=version[1] if version else digest[:12],
        title=title[1] if title else document.value.capitalize(),
        markdown=text,
        text_hash=digest,
    )


@lru_cache(maxsize=32)
def to_html(markdown: str) -> str:
    """The text as HTML. HTML in it is shown, not used; links lead to no scripts; there are no pictures."""
    from markdown_it import MarkdownIt

    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image").render(markdown)
    return html
