"""OCPI 2.3.0's words for connectors, power and EVSE states."""

from enum import StrEnum


class ConnectorType(StrEnum):
    """OCPI ConnectorType: the ones for road vehicles."""

    CHADEMO = "CHADEMO"
    CHAOJI = "CHAOJI"
    DOMESTIC_A = "DOMESTIC_A"
    DOMESTIC_B = "DOMESTIC_B"
    DOMESTIC_C = "DOMESTIC_C"
    DOMESTIC_D = "DOMESTIC_D"
    DOMESTIC_E = "DOMESTIC_E"
    DOMESTIC_F = "DOMESTIC_F"
    DOMESTIC_G = "DOMESTIC_G"
    DOMESTIC_I = "DOMESTIC_I"
    DOMESTIC_J = "DOMESTIC_J"
    DOMESTIC_L = "DOMESTIC_L"
    GBT_AC = "GBT_AC"
    GBT_DC = "GBT_DC"
    IEC_60309_2_single_16 = "IEC_60309_2_single_16"
    IEC_60309_2_three_16 = "IEC_60309_2_three_16"
    IEC_60309_2_three_32 = "IEC_60309_2_three_32"
    IEC_60309_2_three_64 = "IEC_60309_2_three_64"
    IEC_62196_T1 = "IEC_62196_T1"
    IEC_62196_T1_COMBO = "IEC_62196_T1_COMBO"
    IEC_62196_T2 = "IEC_62196_T2"
    IEC_62196_T2_COMBO = "IEC_62196_T2_COMBO"
    IEC_62196_T3A = "IEC_62196_T3A"
    IEC_62196_T3C = "IEC_62196_T3C"
    MCS = "MCS"
    NEMA_5_20 = "NEMA_5_20"
    NEMA_6_30 = "NEMA_6_30"
    NEMA_6_50 = "NEMA_6_50"
    NEMA_10_30 = "NEMA_10_30"
    NEMA_10_50 = "NEMA_10_50"
    NEMA_14_30 = "NEMA_14_30"
    NEMA_14_50 = "NEMA_14_50"
    SAE_J3400 = "SAE_J3400"
    TESLA_R = "TESLA_R"
    TESLA_S = "TESLA_S"


class ConnectorFormat(StrEnum):
    """OCPI ConnectorFormat."""

    SOCKET = "SOCKET"
    CABLE = "CABLE"


class PowerType(StrEnum):
    """OCPI PowerType."""

    AC_1_PHASE = "AC_1_PHASE"
    AC_2_PHASE = "AC_2_PHASE"
    AC_2_PHASE_SPLIT = "AC_2_PHASE_SPLIT"
    AC_3_PHASE = "AC_3_PHASE"
    DC = "DC"


class EvseStatus(StrEnum):
    """OCPI EVSE Status."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


class LocationStatus(StrEnum):
    """Where a location is between its owner and the administrators; only APPROVED ones are searched and booked. REMOVED
    ones are kept for the bookings of the past alone."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"
    REMOVED = "REMOVED"


class AccessMethod(StrEnum):
    """OCPI AccessMethod: how a driver gets to the charger."""

    OPEN = "OPEN"
    TOKEN = "TOKEN"
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class PowerClass(StrEnum):
    """Power classes of pools by what an EVSE can deliver: up to 7.4 kW, 22 kW, 50 kW, 150 kW, and above."""

    SLOW = "SLOW"
    FAST = "FAST"
    RAPID = "RAPID"
    ULTRA = "ULTRA"
    MEGA = "MEGA"


POWER_CLASS_LIMITS_KW = (
    (PowerClass.SLOW, 7.4),
    (PowerClass.FAST, 22.0),
    (PowerClass.RAPID, 50.0),
    (PowerClass.ULTRA, 150.0),
    (PowerClass.MEGA, float("inf")),
)


def power_class(max_power_kw: float) -> PowerClass:
    """The class of an EVSE's power."""
    return next(name for name, limit in POWER_CLASS_LIMITS_KW if max_power_kw <= limit + 1e-9)


class PriceKnowledge(StrEnum):
    """Whether a pool has a tariff then, is free by its owner's word, or nobody knows its price: then it cannot be booked."""

    TARIFF = "TARIFF"
    FREE = "FREE"
    NOT_KNOWN = "NOT_KNOWN"
