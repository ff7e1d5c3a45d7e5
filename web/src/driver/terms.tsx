import { api, ok, type Schema } from "../api/client";
import { t } from "../texts";
import { dayAndClock, minutes, money } from "../texts/format";
import { freeUntil } from "./leaving";

type Terms = Schema<"BookingTerms">;
type Fees = { late_cancel_minor: number; no_show_minor: number };

const MINUTE = 60_000;
/** The two sentences of the terms that can cost money. */
export function costlySentences({
  period: { start, end },
  zone,
  terms,
  fees,
  currency,
}: {
  period: { start: string; end: string };
  zone: string;
  terms: Terms;
  fees: Fees | null | undefined;
  currency: string;
}): string[] {
  const free = freeUntil(start, terms);
  const isPast = free.getTime() < Date.now();
  const until = dayAndClock(free, zone);
  const late = fees?.late_cancel_minor ?? 0;
  const missed = terms.noshow_fee ? (fees?.no_show_minor ?? 0) : 0;
  const booked = Math.round((Date.parse(end) - Date.parse(start)) / MINUTE);
  const kept = minutes(Math.min(terms.noshow_timeout_minutes ?? 0, booked));
  return [
    late
      ? t(isPast ? "terms.cancelCostsNow" : "terms.cancelCosts", { until, fee: money(late, currency) })
      : t("terms.cancelFree"),
    missed ? t("terms.noShowCosts", { kept, fee: money(missed, currency) }) : t("terms.noShowFree", { kept }),
  ];
}

type Wanted = Pick<Schema<"Option">, "location_id" | "connector" | "power_class" | "start" | "end">;

type Needs = { energy_kwh?: number | null; max_power_kw?: number | null; battery_kwh?: number | null };

/** The price of a wish that is not booked, with the fees its terms can cost. */
export const quoteQuery = (wanted: Wanted, needs: Needs) => ({
  queryKey: ["quote", wanted.location_id, wanted.connector, wanted.power_class, wanted.start, wanted.end, needs.energy_kwh],
  queryFn: () => {
    const { location_id, connector, power_class, start, end } = wanted;
    const duration_minutes = Math.round((Date.parse(end) - Date.parse(start)) / MINUTE);
    const body = {
      location_id,
      connector,
      power_class,
      start,
      duration_minutes,
      energy_kwh: needs.energy_kwh ?? null,
      max_power_kw: needs.max_power_kw ?? null,
      battery_kwh: needs.battery_kwh ?? null,
    };
    return ok(api.POST("/api/v1/payments/quotes", { body }));
  },
});

/** What an option can cost beside its price, in two sentences. */
export function OptionTerms({
  option,
  quote,
  place,
}: {
  option: Schema<"Option">;
  quote?: Schema<"Quote">;
  place?: Schema<"LocationOut">;
}) {
  if (!place || !quote) return null;
  const { booking_terms: terms, time_zone: zone } = place;
  return (
    <p className="fine">
      {costlySentences({ period: option, zone, terms, fees: quote.fees, currency: option.currency }).join(" ")}
    </p>
  );
}
