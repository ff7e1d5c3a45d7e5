import type { Schema } from "../api/client";
import { minorOf } from "../texts/format";
import type { Measures } from "./differences";

const MINUTE_MS = 60_000;
type Option = Schema<"Option">;
type Decision = Schema<"WholeDecision">;

/** What an offer is compared by: how far, when the battery is charged, at most how much. */
export const measuresOf = (option: Option): Measures => ({
  km: option.distance_km,
  done: Date.parse(option.start) + option.duration_minutes * MINUTE_MS,
  priceMinor: option.price_minor,
});

/** The nearest possibility of all that were weighed, at its earliest time; null where nothing was weighed. */
export function nearestOf(decision: Decision): (Measures & { name: string }) | null {
  const { km, wait_min: wait, price, duration_min: duration, start, pool } = decision.candidates;
  let best = -1;
  for (let row = 0; row < km.length; row += 1) {
    if (best < 0 || km[row]! < km[best]! || (km[row] === km[best] && start[row]! < start[best]!)) best = row;
  }
  if (best < 0 || wait.length === 0) return null;
  const slotMinutes = decision.slot_minutes ?? 15;
  const begins =
    Date.parse(decision.begins_at) + (decision.candidates.begin_min?.[best] ?? start[best]! * slotMinutes) * MINUTE_MS;
  return {
    km: km[best]!,
    done: begins + duration[best]! * MINUTE_MS,
    priceMinor: minorOf(price[best]!, decision.currency),
    name: decision.locations[decision.pools[pool[best]!]!.location]!.name,
  };
}

/** The four terms of an offer's cost, each as a share of their sum. */
export function shares(option: Option): Record<string, number> {
  const sum = Object.values(option.cost_terms).reduce((total, term) => total + term, 0);
  return Object.fromEntries(Object.entries(option.cost_terms).map(([name, term]) => [name, sum > 0 ? term / sum : 0]));
}
