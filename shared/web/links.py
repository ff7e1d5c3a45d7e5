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


def no_link(text: str) -> str:
    """The text. Raises ValueError where a mail program or phone would make a link of a part of it: an address with `://` or
    `www.`, or a name under a suffix of the Public Suffix List. A dot in "St.Peter" or "Bay 1.2" is none."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("\u3002", ".")
    if "." not in plain and "://" not in plain:
        return text
    if "://" in plain or "www." in plain:
        raise ValueError("must not contain a web address")
    for name in _DOTTED.findall(plain):
        if _suffixes().privatesuffix(name) is not None:
            raise ValueError(f"must not contain a web address ({name[:60]})")
    return text
