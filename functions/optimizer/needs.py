"""The charging needs of a driver: from what they ask for and their vehicle to complete figures. Pure."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, computed_field

from functions.accounts.domain import Vehicle
from functions.optimizer.core.city import STANDARD_BIT
from functions.optimizer.payloads import RecommendationRequest
from shared.energy import CONSUMPTION_KWH_PER_KM
from shared.errors import Invalid

LATE = timedelta(minutes=15)
"""How far in the past a departure may lie: clocks differ, and people take their time."""
FARTHEST = timedelta(days=14)


class ChargingNeeds(BaseModel):
    """A driver's charging needs in full: defaults filled in, the vehicle's figures copied. Stored as JSON."""

    model_config = ConfigDict(frozen=True)

    latitude: float
    longitude: float
    """Where the driver sets out, degrees."""
    destination_latitude: float | None = None
    destination_longitude: float | None = None
    """Where the driver is going, degrees; None: nowhere in particular."""
    earliest_departure: datetime
    latest_finish: datetime | None = None
    """When charging must be over; None: any time."""
    battery_kwh: float
    soc: float
    """State of charge at the departure, a share of 1."""
    consumption_kwh_per_km: float
    max_power_kw: float
    """The most power the vehicle takes."""
    standards: tuple[str, ...] = Field(json_schema_extra={"deprecated": True}, description="`connectors` by their old name")
    """Connector standards the vehicle takes, OCPI's words."""
    energy_kwh: float
    """What is to be charged."""
    energy_limit_kwh: float | None = None
    """The most that the driver accepts; None: what EVSE and battery allow."""
    weights: tuple[float, float, float, float]
    """Of waiting, price, distance and duration in PROBLEM.md's objective; their sum is 1."""
    radius_km: float | None = None
    """How far from where they set out the driver charges at most, as the crow flies; None: as far as the battery allows."""
    auto_book: bool = True
    """Whether the best is booked at once; otherwise it is held as an offer."""
    join_waitlist: bool = False
    """Whether its driver waits for a place where all is full."""

    @computed_field(description="Connector standards the vehicle takes")
    def connectors(self) -> tuple[str, ...]:
        """The standards, as answers call them."""
        return self.standards

    def over_at(self, patience: timedelta) -> datetime:
        """When their time is over: with the latest finish, else `patience` after the departure, which goes on without an
        answer."""
        return self.latest_finish or self.earliest_departure + patience

    @classmethod
    def of(
        cls, request: RecommendationRequest, vehicle: Vehicle | None, now: datetime, *, auto_book: bool = False
    ) -> "ChargingNeeds":
        """The needs that a request states; what it leaves out is the vehicle's. Raises Invalid naming the field."""
        standards = _standards(request, vehicle)
        battery_kwh = request.battery_kwh or (None if vehicle is None else vehicle.battery_kwh)
        max_power_kw = request.max_power_kw or (None if vehicle is None else vehicle.max_power_kw)
        assert battery_kwh is not None
        assert max_power_kw is not None
        energy_kwh = _energy_kwh(request, battery_kwh)
        earliest_departure = _earliest_departure(request, now)
        usual = CONSUMPTION_KWH_PER_KM if vehicle is None else vehicle.consumption_kwh_per_km
        weights = request.weights
        total = weights.wait + weights.price + weights.distance + weights.duration
        return cls(
            latitude=request.origin.latitude,
            longitude=request.origin.longitude,
            destination_latitude=None if request.destination is None else request.destination.latitude,
            destination_longitude=None if request.destination is None else request.destination.longitude,
            earliest_departure=earliest_departure,
            latest_finish=request.latest_finish,
            battery_kwh=battery_kwh,
            soc=request.soc,
            consumption_kwh_per_km=request.consumption_kwh_per_km or usual,
            max_power_kw=max_power_kw,
            standards=standards,
            energy_kwh=energy_kwh,
            energy_limit_kwh=_energy_limit(request, energy_kwh),
            weights=(weights.wait / total, weights.price / total, weights.distance / total, weights.duration / total),
            radius_km=request.radius_km,
            auto_book=auto_book,
        )


def _standards(request: RecommendationRequest, vehicle: Vehicle | None) -> tuple[str, ...]:
    standards = tuple(request.connectors or ())
    if vehicle is not None:
        foreign = sorted(set(standards) - set(vehicle.standards))
        if foreign:
            raise Invalid.one("connectors", f"{vehicle.name} has no {foreign[0]}; it takes {', '.join(vehicle.standards)}")
        standards = standards or vehicle.standards
    for standard in standards:
        if standard not in STANDARD_BIT:
            raise Invalid.one("connectors", f"{standard!r} is not an OCPI ConnectorType")
    return standards


def _energy_kwh(request: RecommendationRequest, battery_kwh: float) -> float:
    energy_kwh = request.energy_kwh
    if energy_kwh is None:
        assert request.target_soc is not None
        energy_kwh = (request.target_soc - request.soc) * battery_kwh
    if energy_kwh > battery_kwh:
        raise Invalid.one("energy_kwh", f"must not be above the battery's {battery_kwh:g} kWh")
    return energy_kwh


def _energy_limit(request: RecommendationRequest, energy_kwh: float) -> float | None:
    limit = request.energy_limit_kwh
    if limit is not None and limit < energy_kwh:
        raise Invalid.one("energy_limit_kwh", f"must not be below what is to be charged, {energy_kwh:g} kWh")
    return limit


def _earliest_departure(request: RecommendationRequest, now: datetime) -> datetime:
    departure = request.earliest_departure or now
    if departure < now - LATE:
        raise Invalid.one("earliest_departure", f"must not be in the past: it is {now.isoformat(timespec='seconds')}")
    if departure > now + FARTHEST:
        raise Invalid.one("earliest_departure", "must be within the next 14 days")
    if request.latest_finish is not None and request.latest_finish <= departure:
        raise Invalid.one("latest_finish", "must be after earliest_departure")
    return max(departure, now)
