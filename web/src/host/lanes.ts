/** A stretch of time within a window, as shares of it: where it begins and how wide it is, 0 to 100. */
export type Place = { start: number; width: number };

/** Where a period lies in a window, cut to it; null where it lies outside. */
export function placeOf(period: { start: string; end: string }, begin: number, end: number): Place | null {
  const from = Math.max(begin, Date.parse(period.start));
  const to = Math.min(end, Date.parse(period.end));
  if (to <= from) return null;
  return { start: (100 * (from - begin)) / (end - begin), width: (100 * (to - from)) / (end - begin) };
}

/** Booked hours in each hour of a window: 0.5 is half an hour of one charger. */
export function bookedByHour(periods: { start: string; end: string }[], hours: number[]): number[] {
  const hourMs = 3_600_000;
  return hours.map((at) =>
    periods.reduce(
      (sum, { start, end }) =>
        sum + Math.max(0, Math.min(at + hourMs, Date.parse(end)) - Math.max(at, Date.parse(start))) / hourMs,
      0,
    ),
  );
}
