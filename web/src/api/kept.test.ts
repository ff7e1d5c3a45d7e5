import { expect, test } from "vitest";
import { type KeptBooking, worthKeeping } from "./kept";

const booking = (day: number) =>
  ({
    id: String(day),
    period: { start: `2026-03-${String(day).padStart(2, "0")}T08:00:00Z`, end: "" },
    quote: { total_minor: 100, currency: "EUR", fees: {} },
    terms: {},
  }) as unknown as KeptBooking;

test("the newest eleven are kept, newest first", () => {
  const kept = worthKeeping(Array.from({ length: 20 }, (_, index) => booking(index + 1)));
  expect(kept.map(({ id }) => id)).toEqual(["20", "19", "18", "17", "16", "15", "14", "13", "12", "11", "10"]);
});
test("of a booking only what is read without a line is kept", () => {
  const [kept] = worthKeeping([booking(1)]);
  expect(kept).not.toHaveProperty("terms");
  expect(kept!.quote).toEqual({ total_minor: 100, currency: "EUR" });
});
