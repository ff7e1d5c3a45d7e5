import type { Schema } from "../api/client";
import type { Kind } from "../parts/states";

export type Station = Schema<"LocationSummary">;
const LIKELY = 0.8;
const PERHAPS = 0.35;

/** How likely a place is free soon, by the forecast's best pool; unknown where there is no forecast or nobody hears of it. */
export function kindOf(station: Station): Kind {
  if (station.pools.every((pool) => pool.capacity === 0)) return "unknown";
  const chance = Math.max(...station.pools.map((pool) => pool.forecast?.p_free ?? -1));
  if (chance < 0) return "unknown";
  if (chance >= LIKELY) return "go";
  return chance >= PERHAPS ? "some" : "none";
}

/** How many vehicles a place can charge at once. */
export const placesOf = (station: Station): number => station.pools.reduce((sum, pool) => sum + pool.capacity, 0);

/** The highest power of a place, kW. */
export const powerOf = (station: Station): number => Math.max(0, ...station.pools.map((pool) => pool.power_kw));
