import type { Alternative } from "../api/client";
import { t } from "../texts";
import { clock, day, km, kw } from "../texts/format";

/** What is near a slot that somebody else got: each a press away. */
export function Alternatives({
  items,
  zone,
  onTake,
}: {
  items: Alternative[];
  zone: string;
  onTake: (item: Alternative) => void;
}) {
  if (items.length === 0) return null;
  return (
    <ul className="cards" aria-label={t("slot.others")}>
      {items.map((item) => (
        <li key={item.location_id + item.period.start}>
          <button type="button" className="card timed num" onClick={() => onTake(item)}>
            <span className="t">{clock(item.period.start, zone)}</span>
            <span>
              <span className="n">{item.location_name}</span>
              <span className="d">
                {item.distance_km > 0
                  ? t("book.away", { day: day(item.period.start, zone), distance: km(item.distance_km) })
                  : day(item.period.start, zone)}
              </span>
            </span>
            <span className="p">{kw(item.power_kw)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
