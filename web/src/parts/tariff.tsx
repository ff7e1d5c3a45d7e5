import type { Schema } from "../api/client";
import { t, word } from "../texts";
import { minorOf, minutes, money, number } from "../texts/format";

type Tariff = Schema<"Tariff">;
type Element = Schema<"TariffElement">;

/** A price with its tax, in the currency's minor units. */
function gross(component: Schema<"PriceComponent">, tariff: Tariff): number {
  const vat = tariff.tax_included === "YES" ? 0 : Number(component.vat ?? 0);
  return minorOf(Number(component.price) * (1 + vat / 100), tariff.currency);
}

function when(element: Element): string {
  const held = element.restrictions;
  if (!held) return "";
  const parts: string[] = [];
  if (held.day_of_week?.length)
    parts.push(
      new Intl.ListFormat(undefined, { style: "short", type: "unit" }).format(
        held.day_of_week.map((name) => word("day", name)),
      ),
    );
  if (held.start_time || held.end_time)
    parts.push(t("tariff.hours", { from: held.start_time ?? "00:00", to: held.end_time ?? "24:00" }));
  if (held.min_duration) parts.push(t("tariff.after", { time: minutes(held.min_duration / 60) }));
  if (held.max_duration) parts.push(t("tariff.first", { time: minutes(held.max_duration / 60) }));
  if (held.min_kwh) parts.push(t("tariff.above", { energy: number(Number(held.min_kwh), 1) }));
  if (held.max_kwh) parts.push(t("tariff.upTo", { energy: number(Number(held.max_kwh), 1) }));
  if (held.booking) parts.push(word("fee", held.booking));
  return parts.join(", ");
}

/** What a tariff asks for, one line a price: tax is in it. */
export function TariffLines({ tariff }: { tariff: Tariff }) {
  return (
    <ul className="rows num">
      {tariff.elements.flatMap((element, place) =>
        element.price_components.map((component, index) => (
          <li key={`${place + 1}.${index + 1}`}>
            <span>
              {word("dimension", component.type)}
              {when(element) && <small>{when(element)}</small>}
            </span>
            <b>{t(`tariff.per.${component.type}`, { price: money(gross(component, tariff), tariff.currency) })}</b>
          </li>
        )),
      )}
    </ul>
  );
}
