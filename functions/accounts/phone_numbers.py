"""Phone numbers as people write them, and which of them get text messages. Pure: libphonenumber's tables, no network."""

from collections.abc import Collection

from shared.errors import Invalid

FIELD = "number"


def parse_mobile(number: str, country: str | None, *, countries: Collection[str]) -> str:
    """The number in E.164: `06 1234 5678` of `NL` is `+31612345678`.

    `country` (ISO 3166-1, two letters) is where a number without its international prefix belongs; `countries` are those that
    text messages are sent to. Raises Invalid for what is no number, no mobile number (premium, shared cost, satellite and
    fixed lines cost us or reach nobody), or of another country.
    """
    import phonenumbers
    from phonenumbers import PhoneNumberType

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException as error:
        raise Invalid.one(FIELD, "is no phone number; write +31612345678, or 0612345678 with country NL") from error
    if parsed.extension or not phonenumbers.is_valid_number(parsed):
        raise Invalid.one(FIELD, "is no number that is in use; write +31612345678, or 0612345678 with country NL")
    # In some countries (US, CA) mobile and fixed numbers look alike.
    mobile = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if phonenumbers.number_type(parsed) not in mobile:
        raise Invalid.one(FIELD, "must be a mobile phone's: text messages go to it")
    region = phonenumbers.region_code_for_number(parsed)
    if region not in countries:
        raise Invalid.one(FIELD, f"is of {region}, where no text messages are sent; what we have to tell comes by e-mail too")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
