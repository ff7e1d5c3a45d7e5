import type { Schema } from "../api/client";

type Dimension = Schema<"PriceComponent">["type"];
/** As it is sent: what is left out has OCPI's default. */
type Element = { price_components: { type: Dimension; price: number; vat: number }[]; restrictions?: object };
/** Prices as the form has them: in the currency's major units without tax, null where there is none. */
export type Prices = {
  energy: number;
  night: { energy: number; from: string; until: string } | null;
  parking: number | null;
  flat: number | null;
  noShow: number | null;
  late: number | null;
  vat: number;
};

/** The OCPI tariff of the prices: the hours with a price of their own come first, since the first element that fits counts. */
export function tariffOf(prices: Prices, currency: string): Schema<"Tariff"> {
  const component = (type: Dimension, price: number) => ({ type, price, vat: prices.vat });
  const fee = (price: number | null, booking: "BOOKING_EXPIRES" | "BOOKING_CANCELLATION_FEES"): Element[] =>
    price ? [{ price_components: [component("FLAT", price)], restrictions: { booking } }] : [];
  const standing = prices.parking ? [component("PARKING_TIME", prices.parking)] : [];
  const once = prices.flat ? [component("FLAT", prices.flat)] : [];
  const { night } = prices;
  return {
    id: "prices",
    currency,
    elements: [
      ...(night
        ? [
            {
              price_components: [component("ENERGY", night.energy)],
              restrictions: { start_time: night.from, end_time: night.until },
            },
          ]
        : []),
      { price_components: [component("ENERGY", prices.energy), ...standing, ...once] },
      ...fee(prices.noShow, "BOOKING_EXPIRES"),
      ...fee(prices.late, "BOOKING_CANCELLATION_FEES"),
    ],
  } as unknown as Schema<"Tariff">;
}
