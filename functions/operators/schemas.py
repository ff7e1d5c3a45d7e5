"""Payloads and answers of those who run locations: edits, blocked times, photos, submissions, terms in plain words."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from functions.booking.schemas import Period
from functions.stations.domain import BlockedTime, BookingTerms, Evse, Location, Photo, Submission, TariffPeriod
from functions.stations.enums import AccessMethod
from functions.stations.opening import Hours
from functions.stations.schemas import (
    Address,
    CityName,
    ConnectorCreate,
    Country,
    Currency,
    EvseOut,
    Text,
    TimeZone,
    distinct_connectors,
)
from functions.tariffs.domain import Tariff
from shared.web.call import PREFIX
from shared.web.conditions import etag_of
from shared.web.fields import Input, Instant, Output, clean_texts

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class LocationUpdate(Input):
    """What is to change; fields left out stay. `opening_times: null` means always open."""

    name: Text | None = Field(None, examples=["Central Station West"])
    address: Address | None = None
    city: CityName | None = None
    country: Country | None = Field(None, description="ISO 3166-1 alpha-3")
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    time_zone: TimeZone | None = None
    currency: Currency | None = None
    opening_times: Hours | None = Field(None, description="OCPI Hours")
    free_of_charge: bool | None = Field(None, description="Whether pools without a tariff cost nothing")

    @field_validator(
        "name",
        "address",
        "city",
        "country",
        "latitude",
        "longitude",
        "time_zone",
        "currency",
        "free_of_charge",
        mode="before",
    )
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null; leave it out to keep what is there")
        return value


class EvseUpdate(Input):
    """All connectors of an EVSE as they are to be."""

    connectors: Annotated[list[ConnectorCreate], Field(min_length=1, max_length=8)]

    _distinct = field_validator("connectors")(distinct_connectors)


class EvseEdited(EvseOut):
    """An EVSE, and the location's new ETag."""

    etag: str

    @classmethod
    def of(cls, location: Location, evse: Evse) -> Self:
        """The answer of an edit."""
        return cls(**EvseOut.model_validate(evse).model_dump(), etag=etag_of(location.version))


class BookingTermsPut(BookingTerms):
    """Booking terms as an owner may set them."""

    supported_access_methods: tuple[AccessMethod, ...] = Field((AccessMethod.OPEN,), min_length=1, max_length=6)
    booking_terms_url: str | None = Field(None, max_length=255, pattern=r'^https://[^\s<>"]+$')

    _clean = field_validator("booking_terms_url", mode="before")(clean_texts)


class PeriodIn(Input):
    """A period."""

    start: Instant = Field(examples=["2026-03-09T08:00:00Z"])
    end: Instant = Field(examples=["2026-03-09T12:00:00Z"])

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end: must be after start")
        return self


class BlockedTimeCreate(Input):
    """A time out of booking; every slot of five minutes that it touches is blocked."""

    evse_id: uuid.UUID | None = Field(None, description="Unset: the whole location")
    period: PeriodIn
    reason: Annotated[Text, Field(examples=["Yearly inspection"])]

    @model_validator(mode="before")
    @classmethod
    def _by_old_names(cls, value: Any) -> Any:
        """`period_begin` and `period_end`, as a period was spelled once."""
        old = {"period_begin": "start", "period_end": "end"}
        if not isinstance(value, dict) or not old.keys() & value.keys():
            return value
        if "period" in value:
            raise ValueError("period: period_begin and period_end are its old names; send one of them")
        rest = {name: item for name, item in value.items() if name not in old}
        return rest | {"period": {new: value[name] for name, new in old.items() if name in value}}


class BlockedTimeOut(Output):
    """A blocked time."""

    id: uuid.UUID
    evse_id: uuid.UUID | None
    period: Period
    reason: str

    @classmethod
    def of(cls, blocked_time: BlockedTime) -> Self:
        """The answer for a blocked time."""
        return cls(**cls.members_of(blocked_time))

    @staticmethod
    def members_of(blocked_time: BlockedTime) -> dict[str, Any]:
        """Its fields."""
        period = Period(start=blocked_time.period_begin, end=blocked_time.period_end)
        return {"id": blocked_time.id, "evse_id": blocked_time.evse_id, "period": period, "reason": blocked_time.reason}


class BlockedTimeMade(BlockedTimeOut):
    """A blocked time, and the location's new ETag."""

    etag: str

    @classmethod
    def of_edit(cls, location: Location, blocked_time: BlockedTime) -> Self:
        """The answer of an edit."""
        return cls(**cls.members_of(blocked_time), etag=etag_of(location.version))


class PhotoOut(Output):
    """A photo of a location: always JPEG, without anything the camera wrote about itself or its place."""

    id: uuid.UUID
    caption: str | None
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    url: str
    thumbnail_url: str

    @classmethod
    def of(cls, record: Photo) -> Self:
        """The answer for a photo."""
        return cls(**cls.members(record))

    @staticmethod
    def members(record: Photo) -> dict[str, Any]:
        """Its members."""
        url = f"{PREFIX}/stations/locations/{record.location_id}/photos/{record.id}"
        return {
            "id": record.id,
            "caption": record.caption,
            "width": record.width,
            "height": record.height,
            "url": url,
            "thumbnail_url": f"{url}?size=thumbnail",
        }


class PhotoAdded(PhotoOut):
    """A photo, and the location's new ETag."""

    etag: str


class ReasonIn(Input):
    """Why: the owner reads it."""

    reason: Reason = Field(examples=["The address does not exist; please check the house number."])


class ChangeOut(Output):
    """One field that differs; null where it was or is not there."""

    field: str = Field(examples=["evses.NL*EVC*E1.1.max_power_kw"])
    before: Any
    after: Any


class SubmissionOut(Output):
    """What an owner submitted, and what differs from what they submitted before (null the first time)."""

    id: uuid.UUID
    submitted_at: datetime
    submitted_by: uuid.UUID | None
    decision: str | None = Field(description="APPROVED, REJECTED, WITHDRAWN, or null while it waits")
    reason: str | None
    decided_at: datetime | None
    changes: list[ChangeOut] | None
    document: dict[str, Any]

    @classmethod
    def of(cls, record: Submission, changes: list[dict[str, Any]] | None) -> Self:
        """The answer for a submission."""
        changed_fields = None if changes is None else [ChangeOut(**change) for change in changes]
        names = cls.model_fields.keys() - {"changes"}
        return cls(**{name: getattr(record, name) for name in names}, changes=changed_fields)


class ManagedLocation(Output):
    """A location in the list of those who run it."""

    id: uuid.UUID
    owner_id: uuid.UUID
    name: str
    address: str
    city: str
    status: str
    status_reason: str | None
    evses: int
    proposed: dict[str, str] | None = Field(description="Of an approved place: what waits for an administrator")
    etag: str

    @classmethod
    def of(cls, record: Location) -> Self:
        """The answer for a location."""
        proposed = None if record.proposed is None else dict(record.proposed)
        names = ("id", "owner_id", "name", "address", "city", "status", "status_reason")
        there = [item for item in record.evses if item.status != "REMOVED"]
        return cls(
            **{name: getattr(record, name) for name in names}, evses=len(there), proposed=proposed, etag=etag_of(record.version)
        )


class TariffPeriodOut(Output):
    """The tariff a pool had, from when until when (null: now)."""

    connector: str
    power_class: str
    valid_from: datetime
    valid_until: datetime | None
    tariff_id: uuid.UUID
    tariff: dict[str, Any] = Field(description="OCPI Tariff")

    @classmethod
    def of(cls, record: TariffPeriod, tariff: Tariff) -> Self:
        """The answer for a period."""
        return cls(
            connector=record.standard,
            power_class=record.power_class,
            valid_from=record.valid_from,
            valid_until=record.valid_until,
            tariff_id=record.tariff_id,
            tariff=tariff.model_dump(mode="json", exclude_none=True),
        )


class TermsInWords(Output):
    """Booking terms and the sentences drivers read before they book."""

    booking_terms: BookingTerms
    sentences: list[str] = Field(examples=[["You can cancel free of charge until 1 hour before the start."]])

    @classmethod
    def of(cls, terms: BookingTerms, sentences: list[str]) -> "TermsInWords":
        """The answer for a location's terms."""
        return cls(booking_terms=terms, sentences=sentences)


class PoolPreview(Output):
    """What a pool's sessions brought, and would have brought; minor units with VAT."""

    connector: str = Field(validation_alias="standard")
    power_class: str
    sessions: int
    kwh: float
    brought_minor: int
    would_have_minor: int
    unpriced: int = Field(description="Sessions that the tariffs have no price for; they are in no sum")


class TariffPreviewOut(Output):
    """What other tariffs would have made of the last days at a location."""

    currency: str
    days: int
    pools: list[PoolPreview]
    all_counted: bool = Field(description="false: there were too many sessions; the newest 2,000 are counted")
