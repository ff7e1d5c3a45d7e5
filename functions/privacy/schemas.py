"""Payloads of privacy."""

from functions.accounts.schemas import Given
from shared.web.fields import Input


class Deletion(Input):
    """The present password, and whether what is booked is cancelled with it."""

    password: Given | None = None
    cancel_bookings: bool = False
