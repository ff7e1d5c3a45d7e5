import type { Schema } from "../api/client";

type Terms = Schema<"BookingTerms">;
const MINUTE = 60_000;

/** Until when a booking is cancelled for nothing. */
export const freeUntil = (start: string, terms: Terms): Date =>
  new Date(Date.parse(start) - (terms.cancel_until_minutes ?? 0) * MINUTE);

/** Until when it can be moved; null where its terms allow no move. */
export const movableUntil = (start: string, terms: Terms): Date | null =>
  terms.change_not_allowed ? null : new Date(Date.parse(start) - (terms.change_until_minutes ?? 0) * MINUTE);
