"""What would become a link in somebody's mail or phone is refused; dots that are none are not."""

import pytest

from shared.web.links import has_link, no_link


@pytest.mark.parametrize(
    "text",
    [
        "Account locked: http://bad.example/login",
        "HTTPS://BAD",
        "see www.bad",
        "Pay at evil-charge.com now",
        "bücher.de",
        "evil。com",  # the ideographic full stop, which browsers take for a dot
        "ｅｖｉｌ．ｃｏｍ",
        "mail me@evil.co.uk",
        "tel.evil.zip",
        "Evil.Com",
        "A.B.evil.com",
        "a.b.com",
        "T.co",
        "Hauptstr.am",
        "Hauptstr.am/pay",
        "hauptstr.am Markt",
        "Hauptstr.com now",
        "Pay.in Euro",
    ],
)
def test_a_web_address_in_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="web address"):
        no_link(text)
    assert has_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "St.Peter",
        "Bay 1.2",
        "NL*EVC*E1.1",
        "P.C. Hooftstraat 3",
        "Nr.12, 2.OG",
        "10.30-12.00",
        "Café d'Or...",
        "Dr.Smith",
        "P.O.Box 12",
        "Hauptstr.am Markt 3",
        "Av.de la Paix",
        "2026-03-02 to 2026-03-05",
    ],
)
def test_dots_of_names_are_left(text: str) -> None:
    assert no_link(text) == text
    assert not has_link(text)
