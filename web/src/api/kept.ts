import type { Schema } from "./client";

/** What is read of a booking without a line. */
export type KeptBooking = Pick<
  Schema<"Booking">,
  "id" | "period" | "evse_uid" | "energy_kwh" | "power_kw" | "reservation_status" | "location"
> & { quote: Pick<Schema<"Quote">, "total_minor" | "currency"> };
type Kept = { at: number; bookings: KeptBooking[] };

const NAME = "evcharging";
const STORE = "kept";
const KEY = "bookings";
const MOST = 11;

const answerOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function within<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await answerOf(opening);
  try {
    return await answerOf(use(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** The next booking and the ten before it, newest first, of those that were read. */
export const worthKeeping = (bookings: KeptBooking[]): KeptBooking[] =>
  bookings
    .toSorted((a, b) => b.period.start.localeCompare(a.period.start))
    .slice(0, MOST)
    .map(({ id, period, evse_uid, energy_kwh, power_kw, reservation_status, location, quote }) => ({
      id,
      period,
      evse_uid,
      energy_kwh,
      power_kw,
      reservation_status,
      location,
      quote: { total_minor: quote.total_minor, currency: quote.currency },
    }));

/** Keeps bookings on this device, to be read without a line; `at` is when they were read, milliseconds. */
export async function keepBookings(bookings: KeptBooking[], at: number): Promise<void> {
  await within("readwrite", (store) => store.put({ at, bookings: worthKeeping(bookings) } satisfies Kept, KEY));
}

/** What was kept, null where nothing was. */
export const keptBookings = async (): Promise<Kept | null> =>
  ((await within("readonly", (store) => store.get(KEY))) as Kept | undefined) ?? null;

/** Forgets everything that was kept: somebody signed out. */
export function forgetKept(): void {
  indexedDB.deleteDatabase(NAME);
}
