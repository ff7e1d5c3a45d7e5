import { expect, test } from "vitest";
import { type Prices, tariffOf } from "./prices";

const plain: Prices = { energy: 0.4, night: null, parking: null, flat: null, noShow: null, late: null, vat: 21 };

test("a price of energy alone is one element", () => {
  expect(tariffOf(plain, "EUR").elements).toEqual([{ price_components: [{ type: "ENERGY", price: 0.4, vat: 21 }] }]);
});
test("hours with a price of their own come before the rest", () => {
  const { elements } = tariffOf({ ...plain, night: { energy: 0.2, from: "22:00", until: "06:00" } }, "EUR");
  expect(elements[0]).toEqual({
    price_components: [{ type: "ENERGY", price: 0.2, vat: 21 }],
    restrictions: { start_time: "22:00", end_time: "06:00" },
  });
});
test("a fee for not coming is an element of that restriction", () => {
  expect(tariffOf({ ...plain, noShow: 5 }, "EUR").elements[1]).toEqual({
    price_components: [{ type: "FLAT", price: 5, vat: 21 }],
    restrictions: { booking: "BOOKING_EXPIRES" },
  });
});
test("no fee makes no element", () => {
  expect(tariffOf({ ...plain, noShow: 0, late: null }, "EUR").elements).toHaveLength(1);
});
