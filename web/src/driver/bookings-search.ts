import type { Schema } from "../api/client";

type Status = Schema<"ReservationStatus">;
/** Which bookings are shown, by their states. */
export const SHOWS = { all: [], coming: ["RESERVED", "PENDING"], past: ["FULFILLED", "NO_SHOW", "CANCELED"] } satisfies Record<
  string,
  Status[]
>;
export type Show = keyof typeof SHOWS;
export const readShow = ({ show }: Record<string, unknown>): { show?: Show } =>
  typeof show === "string" && show in SHOWS ? { show: show as Show } : {};
