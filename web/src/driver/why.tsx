import type { Schema } from "../api/client";
import { Pop } from "../parts/controls";
import { t } from "../texts";
import { km, minutes, money, number, percent } from "../texts/format";
import { nearestOf, shares } from "./decision";

const TERMS = ["wait", "price", "distance", "duration"] as const;

/** Why this one: what it was weighed by, what each thing weighs for this driver, and what it makes of the cost. */
export function Why({ option, decision }: { option: Schema<"Option">; decision: Schema<"WholeDecision"> | undefined }) {
  const nearest = decision && nearestOf(decision);
  const share = shares(option);
  const here = {
    wait: minutes(option.wait_minutes),
    price: money(option.price_minor, option.currency),
    distance: km(option.distance_km),
    duration: minutes(option.duration_minutes),
  };
  return (
    <Pop title={t("why.title", { name: option.location_name })} trigger={t("why.button")}>
      {decision ? (
        <p>{t("why.weighed", { count: decision.candidates.km.length, places: decision.locations.length })}</p>
      ) : (
        <p>{t("why.noDecision")}</p>
      )}
      <div className="scroll">
        <table className="twin num">
          <thead>
            <tr>
              <th scope="col">{t("why.what")}</th>
              <th scope="col">{t("why.here")}</th>
              {decision && <th scope="col">{t("why.weight")}</th>}
              <th scope="col">{t("why.share")}</th>
            </tr>
          </thead>
          <tbody>
            {TERMS.map((term) => (
              <tr key={term}>
                <th scope="row">{t(`why.term.${term}`)}</th>
                <td>{here[term]}</td>
                {decision && <td>{percent(decision.weights[term] ?? 0)}</td>}
                <td>
                  <span className="meter" aria-hidden="true">
                    <i style={{ inlineSize: `${100 * (share[term] ?? 0)}%` }} />
                  </span>
                  {percent(share[term] ?? 0)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {nearest && (
        <p className="fine">
          {t("why.nearest", {
            name: nearest.name,
            distance: km(nearest.km),
            price: money(nearest.priceMinor, option.currency),
          })}
        </p>
      )}
      {decision && (
        <p className="fine">
          {t(decision.fallback ? "why.byRule" : "why.byPolicy", { policy: decision.policy, ms: number(decision.latency_ms) })}
        </p>
      )}
    </Pop>
  );
}
