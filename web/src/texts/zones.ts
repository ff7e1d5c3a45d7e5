/** What a clock on the wall of a zone shows, as "2026-11-30T07:15": the value of a `datetime-local` field. */
export function wallClock(at: number | string | Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone,
  }).format(new Date(at));
  return parts.replace(" ", "T");
}

/** Minutes that a zone is ahead of UTC at an instant. */
function offset(at: number, timeZone: string): number {
  return Math.round((Date.parse(`${wallClock(at, timeZone)}:00Z`) - Math.floor(at / 60_000) * 60_000) / 60_000);
}

/**
 * The instant at which a zone's clock shows `wall` ("2026-11-30T07:15"). Where the clock shows it twice, the first; where it
 * jumps over it, as much later as it jumps.
 */
export function instantOf(wall: string, timeZone: string): Date {
  const asUtc = Date.parse(`${wall}:00Z`);
  const candidates = [asUtc - 86_400_000, asUtc + 86_400_000].map((near) => asUtc - offset(near, timeZone) * 60_000);
  const first = candidates.toSorted((a, b) => a - b).find((at) => wallClock(at, timeZone) === wall);
  return new Date(first ?? candidates[0]!);
}

/** Midnight that begins the day of an instant in a zone. */
export const startOfDay = (at: number | string | Date, timeZone: string): Date =>
  instantOf(`${wallClock(at, timeZone).slice(0, 10)}T00:00`, timeZone);

/** Midnight `days` calendar days after the day of an instant: days of 23 and 25 hours count as days. */
export function addDays(at: number | string | Date, days: number, timeZone: string): Date {
  const date = new Date(`${wallClock(at, timeZone).slice(0, 10)}T00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return instantOf(`${date.toISOString().slice(0, 10)}T00:00`, timeZone);
}
