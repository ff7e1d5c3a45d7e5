import type { Schema } from "../api/client";

type Bucket = Pick<Schema<"BucketOut">, "weekday" | "hour" | "occupied_minutes" | "capacity_minutes">;
const HOURS = 24;

const share = (of: Bucket[]): number | null => {
  const capacity = of.reduce((sum, { capacity_minutes }) => sum + capacity_minutes, 0);
  return capacity === 0 ? null : of.reduce((sum, { occupied_minutes }) => sum + occupied_minutes, 0) / capacity;
};

/** The share in use of each hour of each weekday, Monday first: [7][24], null where no charger was open. */
export const byWeekdayAndHour = (buckets: Bucket[]): (number | null)[][] =>
  Array.from({ length: 7 }, (_, day) =>
    Array.from({ length: HOURS }, (_, hour) =>
      share(buckets.filter((bucket) => bucket.weekday === day + 1 && bucket.hour === hour)),
    ),
  );

/** The share in use of each hour of the day, over every weekday. */
export const byHourOfDay = (buckets: Bucket[]): (number | null)[] =>
  Array.from({ length: HOURS }, (_, hour) => share(buckets.filter((bucket) => bucket.hour === hour)));

/** Where the most is: weekday and hour, and how much; null where nobody charged. */
export function busiest(week: (number | null)[][]): { day: number; hour: number; share: number } | null {
  let most: { day: number; hour: number; share: number } | null = null;
  week.forEach((hours, day) => {
    hours.forEach((value, hour) => {
      if (value && (!most || value > most.share)) most = { day, hour, share: value };
    });
  });
  return most;
}

/** Rows as a file of comma-separated values; what holds a comma, a quote or a line's end is quoted. */
export const csv = (rows: (string | number)[][]): string =>
  rows
    .map((row) =>
      row.map((cell) => (/[",\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell))).join(","),
    )
    .join("\n");
