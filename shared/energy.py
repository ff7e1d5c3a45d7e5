"""Energy and time of a charging session, and what a vehicle uses on the way."""

CONSUMPTION_KWH_PER_KM = 0.18
"""What a vehicle uses on the road unless it says otherwise."""
CHARGE_EFFICIENCY = 0.9
"""Share of the lesser power that reaches the battery over a session (PROBLEM.md, Candidates)."""


def session_minutes(energy_kwh: float, power_kw: float, vehicle_kw: float | None) -> float:
    """Minutes a session for `energy_kwh` takes: need / (0.9 x min(EVSE power, vehicle power))."""
    return energy_kwh / (CHARGE_EFFICIENCY * min(power_kw, vehicle_kw or power_kw)) * 60


def session_energy(minutes: float, power_kw: float, vehicle_kw: float | None) -> float:
    """kWh that fit into `minutes`: the inverse of `session_minutes`."""
    return minutes / 60 * CHARGE_EFFICIENCY * min(power_kw, vehicle_kw or power_kw)
