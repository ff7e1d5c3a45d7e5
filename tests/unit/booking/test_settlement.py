"""What a session costs in the end, from what the station told."""

from functions.tariffs.quotes import Quote

OLD = {
    "currency": "EUR",
    "total_minor": 958,
    "total_excl_vat_minor": 792,
    "energy_kwh": 19.8,
    "minutes": 60.0,
    "tariff_id": "flat",
    "elements": [],
}


def test_a_quote_frozen_before_there_were_two_prices_expects_its_total() -> None:
    assert Quote.model_validate(OLD).expected_minor == 958
