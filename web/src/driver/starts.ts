import type { Schema } from "../api/client";

type Calendar = Schema<"Calendar">;
export type Start = { at: number; free: number };
const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;

/**
 * The quarter hours from `from` to `before` at which `minutes` can begin, with how many places are free over the whole of it.
 * A stretch that is not listed has none free.
 */
export function startsOf(
  calendar: Calendar,
  { from, before, minutes }: { from: number; before: number; minutes: number },
): Start[] {
  const stretches = calendar.available_timeslots.map(({ start_date_time, end_date_time, free }) => ({
    start: Date.parse(start_date_time),
    end: Date.parse(end_date_time),
    free,
  }));
  const slotMs = calendar.timeslot_increment * MINUTE_MS;
  const first = Math.ceil(from / QUARTER_MS) * QUARTER_MS;
  const starts: Start[] = [];
  for (let at = first; at < before; at += QUARTER_MS) {
    let free = Number.POSITIVE_INFINITY;
    for (let slot = at; slot < at + minutes * MINUTE_MS; slot += slotMs) {
      free = Math.min(free, stretches.find(({ start, end }) => start <= slot && slot < end)?.free ?? 0);
    }
    if (free > 0) starts.push({ at, free });
  }
  return starts;
}
