import type { Schema } from "../api/client";

type Terms = Schema<"BookingTerms">;
type Booking = Pick<Schema<"Booking">, "period" | "terms" | "quote" | "reservation_status">;
const MINUTE = 60_000;

/** Until when a booking is cancelled for nothing. */
export const freeUntil = (start: string, terms: Terms): Date =>
  new Date(Date.parse(start) - (terms.cancel_until_minutes ?? 0) * MINUTE);

/** Until when it can be moved; null where its terms allow no move. */
export const movableUntil = (start: string, terms: Terms): Date | null =>
  terms.change_not_allowed ? null : new Date(Date.parse(start) - (terms.change_until_minutes ?? 0) * MINUTE);

/** What leaving costs now, in minor units: nothing, the fee of a late cancel, or that of not coming. */
export function priceOfCancelling({ period, terms, quote, reservation_status }: Booking, now: number): number {
  if (reservation_status !== "RESERVED") return 0;
  if (now >= Date.parse(period.start)) return terms.noshow_fee ? (quote.fees?.no_show_minor ?? 0) : 0;
  return now > freeUntil(period.start, terms).getTime() ? (quote.fees?.late_cancel_minor ?? 0) : 0;
}
