"""Whose address counts: the connection's, or what proxies of ours wrote; never what a client claims."""

from typing import Any

import pytest

from shared.settings import Settings, TrustedProxies
from shared.web.address import address_of


def scope(*forwarded: str, client: str | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"type": "http", "headers": headers, "client": None if client is None else (client, 4711)}


NONE, ONE, TWO, OURS = (TrustedProxies.of(text) for text in ("", "1", "2", "10.0.0.0/8, fd00::/8"))


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("", None),
    ],
)
def test_on_functions_it_is_what_the_front_end_wrote(header: str, address: str | None) -> None:
    assert address_of(scope(header), NONE) == address


@pytest.mark.parametrize(
    ("forwarded", "client", "proxies", "address"),
    [
        (["9.9.9.9"], "198.51.100.1", NONE, "198.51.100.1"),
        (["9.9.9.9, 203.0.113.9"], "10.0.0.1", ONE, "203.0.113.9"),
        (["9.9.9.9", "203.0.113.9"], "10.0.0.1", ONE, "203.0.113.9"),
        (["9.9.9.9, 203.0.113.9, 10.0.0.2"], "10.0.0.1", TWO, "203.0.113.9"),
        (["9.9.9.9, 203.0.113.9, 10.0.0.2"], "10.0.0.1", OURS, "203.0.113.9"),
        (["9.9.9.9, 203.0.113.9, fd00::2"], "10.0.0.1", OURS, "203.0.113.9"),
        (["9.9.9.9, 203.0.113.9, ::ffff:10.0.0.2"], "::ffff:10.0.0.1", OURS, "203.0.113.9"),
        (["9.9.9.9"], "::ffff:198.51.100.1", OURS, "::ffff:198.51.100.1"),
        (["10.0.0.3, 203.0.113.9"], "10.0.0.1", OURS, "203.0.113.9"),
        (["9.9.9.9"], "198.51.100.1", OURS, "198.51.100.1"),
        (["not an address"], "10.0.0.1", OURS, "not an address"),
        ([], "10.0.0.1", ONE, "10.0.0.1"),
        (["9.9.9.9, 203.0.113.9, 10.0.0.2"], None, ONE, "203.0.113.9"),
    ],
)
def test_only_proxies_of_ours_are_believed(
    forwarded: list[str], client: str | None, proxies: TrustedProxies, address: str
) -> None:
    assert address_of(scope(*forwarded, client=client), proxies) == address


@pytest.mark.parametrize("text", ["-1", "everybody", "10.0.0.0/33", "10.0.0.1/8"])
def test_what_names_no_proxies_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        Settings(trusted_proxies=text)


@pytest.mark.parametrize(
    "text", ["*", "null", "app.example.org", "https://app.example.org/", "https://*.example.org", "https://A.org"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="web_origins"):
        Settings(web_origins=text)


@pytest.mark.parametrize("text", ["", "nonsense", "mysql+pymysql:/x", "db.example.org:secret@3306"])
def test_what_is_no_address_of_a_database_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"database_url\n.*must be an address such as mysql\+pymysql://"):
        Settings.model_validate({"database_url": text})
