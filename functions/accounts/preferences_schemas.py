"""Payloads and answers of preferences."""

import uuid
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.web.fields import Input, Output
from shared.web.links import no_link

Language = Literal["en", "de", "ta", "hi"]
PlaceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(no_link)]
Where = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(no_link)]
Weight = Annotated[float, Field(ge=0, le=1000)]
MAX_PLACES = 20


class PreferredWeights(Input):
    """What matters, as in a charge request; only their proportion counts."""

    wait: Weight = 0.4
    price: Weight = 0.3
    distance: Weight = 0.2
    duration: Weight = 0.1

    @model_validator(mode="after")
    def _something_matters(self) -> "PreferredWeights":
        if self.wait + self.price + self.distance + self.duration <= 0:
            raise ValueError("at least one weight must be above 0")
        return self


class SavedPlace(Input):
    """A place that somebody goes to often."""

    name: PlaceName = Field(examples=["Home"])
    latitude: Annotated[float, Field(ge=-90, le=90, examples=[52.09])]
    longitude: Annotated[float, Field(ge=-180, le=180, examples=[5.12])]
    address: Where | None = None


class PreferencesUpdate(Input):
    """What is to be remembered; fields left out stay, null takes one back."""

    language: Language | None = None
    vehicle_id: uuid.UUID | None = Field(None, description="Of your vehicles")
    weights: PreferredWeights | None = None
    book_at_once: bool | None = Field(None, description="Whether charge requests are booked without asking again")
    places: Annotated[list[SavedPlace], Field(max_length=MAX_PLACES)] | None = Field(
        None, description="All of them, each by a name of its own"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> "PreferencesUpdate":
        names = [place.name.casefold() for place in self.places or ()]
        if len(set(names)) < len(names):
            raise ValueError("places: two have the same name")
        return self


class Preferences(Output):
    """What you would have us remember."""

    language: Language | None = None
    vehicle_id: uuid.UUID | None = None
    weights: PreferredWeights | None = None
    book_at_once: bool = False
    places: list[SavedPlace] = Field(default_factory=list)
