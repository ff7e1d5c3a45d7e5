"""Names and reasons that reach other people's mail and phones hold no address: the platform is no carrier of links."""

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_DOTTED = re.compile(r"[\w-]+(?:\.[\w-]+)+")


@lru_cache(maxsize=1)
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # an eighth of a second: only where a text has a dot between letters

    return PublicSuffixList(accept_unknown=False)


_STREET = re.compile(r"(?:\w+str|str|st|pl|av|bd|r|ul|al)", re.IGNORECASE)
"""What a street is shortened to."""
_SMALL_WORDS = ("am", "an", "de", "im", "in", "la")
"""Words after that which are country codes too: "Hauptstr.am Markt", "Av.de la Paix"."""


def no_link(text: str) -> str:
    """The text. Raises ValueError where a mail program or phone would make a link of a part of it: an address with `://` or
    `www.`, or a name under a suffix of the Public Suffix List. A dot in "St.Peter", "Bay 1.2", "P.O.Box" or "Hauptstr.am Markt"
    is none."""
    plain = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
    lowered = plain.lower()
    if "." not in plain and "://" not in plain:
        return text
    if "://" in plain or "www." in lowered:
        raise ValueError("must not contain a web address")
    for found in _DOTTED.finditer(plain):
        name = found[0].lower()
        if _suffixes().privatesuffix(name) is not None and not _is_shortened(found[0], then=plain[found.end() :]):
            raise ValueError(f"must not contain a web address ({name[:60]})")
    return text


def has_link(text: str) -> bool:
    """Whether `no_link` refuses the text."""
    try:
        no_link(text)
    except ValueError:
        return True
    return False


def _is_shortened(name: str, *, then: str) -> bool:
    """Whether a name with dots is a shortened word or two though it ends like a domain: capitals with dots before a last word
    ("P.O.Box"), or a shortened street and a small word, within a sentence ("Hauptstr.am Markt")."""
    *before, last = name.split(".")
    if len(before) > 1 and all(len(label) == 1 and label.isupper() for label in before):
        return True
    within = re.match(r"\s+\w", then) is not None
    return (
        len(before) == 1 and within and last in _SMALL_WORDS and before[0][0].isupper() and bool(_STREET.fullmatch(before[0]))
    )
