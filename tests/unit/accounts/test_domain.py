"""Addresses in one form, wherever they come from, and codes that only the key's holder can make."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.accounts.domain import normalise_email, parse_email, phone_code
from shared.db import new_id

SPELLINGS = {
    "ada@example.org": ["Ada@Example.org", " ada@example.org ", "ADA@EXAMPLE.ORG", "ada@ｅxample.org"],
    "ada@münchen.de": ["Ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de", "ada@XN--MNCHEN-3YA.de", "ada@mu\u0308nchen.de"],
    "zoé@example.org": ["zoe\u0301@example.org", "ZOE\u0301@example.org", "ZOÉ@EXAMPLE.org"],
}


@pytest.mark.parametrize(("form", "spelling"), [(form, one) for form, spelled in SPELLINGS.items() for one in spelled])
def test_every_spelling_of_an_address_is_one(form: str, spelling: str) -> None:
    assert parse_email(spelling) == normalise_email(spelling) == form


LETTERS = st.text("aBzÉéßİKＡ\u0301.-+_", max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.builds("{}@{}.org".format, LETTERS, LETTERS) | LETTERS)
def test_what_is_normalised_stays(text: str) -> None:
    once = normalise_email(text)
    assert normalise_email(once) == once


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.org", "a@b@c.org", '"a b"@example.org'])
def test_what_is_no_address_is_refused_and_can_still_be_looked_for(text: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        parse_email(text)
    assert isinstance(normalise_email(text), str)


def test_a_code_is_six_digits_of_its_row_and_key() -> None:
    ids = [new_id() for _ in range(200)]
    codes = [phone_code("key", one) for one in ids]
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(set(codes)) > 190
    assert phone_code("key", ids[0]) == codes[0] != phone_code("another", ids[0])
