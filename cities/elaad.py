"""Public charging in figures: ElaadNL's open data as EV2Gym ships it (MIT), read off once. The files are not needed."""

ARRIVAL_SHARES = (
    0.98, 0.45, 0.24, 0.16, 0.16, 0.22, 0.73, 3.23, 7.86, 7.72, 5.11, 4.66,
    5.35, 5.35, 5.02, 5.12, 5.66, 8.34, 10.91, 8.06, 5.05, 3.96, 3.37, 2.28,
)  # fmt: skip
"""Per cent of public charging that begins in each local hour (distribution-of-arrival, quarter hours summed)."""
NEED_DECILES_KWH = (0.0, 1.6, 3.4, 4.9, 6.2, 7.2, 8.6, 11.3, 17.2, 29.0, 99.8)
"""Deciles of a public charging event's energy (distribution-of-energy-demand); the median is 7.2 kWh."""
