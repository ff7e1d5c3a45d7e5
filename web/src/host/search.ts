import type { Schema } from "../api/client";

const UUID = /^[0-9a-f-]{36}$/;
const MOST_DAYS = 60;
/** The day of every place at once. */
export const EVERYWHERE = "all";

/** What the address says of the day shown: the place, or all, and how many days from today. */
export function readHostSearch({ place, day }: Record<string, unknown>): { place?: string; day?: number } {
  const offset = Number(day);
  return {
    ...(typeof place === "string" && (UUID.test(place) || place === EVERYWHERE) && { place }),
    ...(Number.isInteger(offset) && offset > 0 && offset <= MOST_DAYS && { day: offset }),
  };
}

/** Which of the bookings at an owner's places are shown, by their states. */
export const SHOWN = {
  coming: ["RESERVED", "PENDING"],
  past: ["FULFILLED", "NO_SHOW", "CANCELED"],
  all: [],
} satisfies Record<string, Schema<"ReservationStatus">[]>;
export type Shown = keyof typeof SHOWN;
export type HostedSearch = { show?: Shown; place?: string };

export const readHostedSearch = ({ show, place }: Record<string, unknown>): HostedSearch => ({
  ...(typeof show === "string" && show in SHOWN && { show: show as Shown }),
  ...(typeof place === "string" && UUID.test(place) && { place }),
});

export const RANGES = [7, 30, 90] as const;
export type Range = (typeof RANGES)[number];

export const readReportSearch = ({ days }: Record<string, unknown>): { days?: Range } => {
  const range = RANGES.find((known) => known === Number(days));
  return range ? { days: range } : {};
};
