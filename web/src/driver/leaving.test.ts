import { expect, test } from "vitest";
import { priceOfCancelling } from "./leaving";

const booking = (part: object = {}) =>
  ({
    reservation_status: "RESERVED",
    period: { start: "2026-03-02T12:00:00Z", end: "2026-03-02T13:00:00Z" },
    terms: { cancel_until_minutes: 60, noshow_fee: true },
    quote: { fees: { late_cancel_minor: 242, no_show_minor: 484 } },
    ...part,
  }) as Parameters<typeof priceOfCancelling>[0];
const at = (time: string) => Date.parse(`2026-03-02T${time}Z`);

test("until the free time it costs nothing", () => expect(priceOfCancelling(booking(), at("11:00:00"))).toBe(0));
test("after it the fee of a late cancel", () => expect(priceOfCancelling(booking(), at("11:00:01"))).toBe(242));
test("after the start that of not coming", () => expect(priceOfCancelling(booking(), at("12:00:00"))).toBe(484));
test("what is only held costs nothing to give back", () =>
  expect(priceOfCancelling(booking({ reservation_status: "PENDING" }), at("11:30:00"))).toBe(0));
