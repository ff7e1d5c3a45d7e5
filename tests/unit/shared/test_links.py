"""What would become a link in somebody's mail or phone is refused; dots that are none are not."""

import pytest

from shared.web.links import no_link


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
    ],
)
def test_a_web_address_in_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="web address"):
        no_link(text)


@pytest.mark.parametrize(
    "text",
    ["St.Peter", "Bay 1.2", "NL*EVC*E1.1", "P.C. Hooftstraat 3", "Nr.12, 2.OG", "10.30-12.00", "Café d'Or...", "Dr.Smith"],
)
def test_dots_of_names_are_left(text: str) -> None:
    assert no_link(text) == text
