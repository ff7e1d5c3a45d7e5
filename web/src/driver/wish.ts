import type { Schema } from "../api/client";
import type { Point } from "../map/near-map";
import { instantOf, wallClock } from "../texts/zones";

export const MATTERS = ["balanced", "soonest", "cheapest", "nearest"] as const;
export type Matter = (typeof MATTERS)[number];
export const LEAVES = ["now", "in30", "in120", "at"] as const;
export type Leave = (typeof LEAVES)[number];

/** What matters most, as the weights of the cost that the platform lowers. */
export const WEIGHTS: Record<Matter, Required<Schema<"Weights">>> = {
  balanced: { wait: 0.4, price: 0.3, distance: 0.2, duration: 0.1 },
  soonest: { wait: 0.8, price: 0.05, distance: 0.1, duration: 0.05 },
  cheapest: { wait: 0.1, price: 0.8, distance: 0.05, duration: 0.05 },
  nearest: { wait: 0.1, price: 0.05, distance: 0.8, duration: 0.05 },
};

export type Car = {
  battery_kwh: number;
  consumption_kwh_per_km: number;
  max_power_kw: number;
  connectors: Schema<"ConnectorType">[];
};

/** What a driver asks for, as the form holds it. Times are by the clock of `zone`. */
export type Wish = {
  leave: Leave;
  at: string;
  doneBy: string;
  now: number;
  to: number;
  matter: Matter;
  vehicle: string | null;
  car: Car;
  radius: string;
};

const KEPT = "evcharging.wish";
const NEW_CAR: Car = { battery_kwh: 60, consumption_kwh_per_km: 0.18, max_power_kw: 100, connectors: ["IEC_62196_T2_COMBO"] };
export const NEW_WISH: Wish = {
  leave: "now",
  at: "",
  doneBy: "",
  now: 28,
  to: 80,
  matter: "balanced",
  vehicle: null,
  car: NEW_CAR,
  radius: "",
};

export function keptWish(): Wish {
  const kept = sessionStorage.getItem(KEPT);
  return kept ? { ...NEW_WISH, ...(JSON.parse(kept) as Partial<Wish>) } : NEW_WISH;
}
export const keepWish = (wish: Wish): void => sessionStorage.setItem(KEPT, JSON.stringify(wish));

/** The next seven in the morning by the clock of a zone, as a `datetime-local` field has it. */
export function nextMorning(now: number, zone: string): string {
  const wall = wallClock(now, zone);
  const morning = `${wall.slice(0, 10)}T07:00`;
  return wall < morning ? morning : `${wallClock(now + 86_400_000, zone).slice(0, 10)}T07:00`;
}

const MINUTE = 60_000;
const SOON_MS = 2 * MINUTE;

/** When the driver can leave. */
export function departure(wish: Wish, now: number, zone: string): Date {
  if (wish.leave === "at") return instantOf(wish.at || nextMorning(now, zone), zone);
  return new Date(now + { now: SOON_MS, in30: 30 * MINUTE, in120: 120 * MINUTE }[wish.leave]);
}

/** The request that the wish is. */
export function requestOf(wish: Wish, origin: Point, now: number, zone: string): Schema<"ChargeRequestCreate"> {
  const { connectors, ...car } = wish.car;
  return {
    ...(wish.vehicle ? { vehicle_id: wish.vehicle } : { ...car, connectors }),
    soc: wish.now / 100,
    target_soc: wish.to / 100,
    origin: { latitude: origin.lat, longitude: origin.lon },
    earliest_departure: departure(wish, now, zone).toISOString(),
    ...(wish.doneBy ? { latest_finish: instantOf(wish.doneBy, zone).toISOString() } : {}),
    ...(wish.radius ? { radius_km: Number(wish.radius) } : {}),
    weights: WEIGHTS[wish.matter],
    auto_book: false,
    join_waitlist: false,
  };
}
