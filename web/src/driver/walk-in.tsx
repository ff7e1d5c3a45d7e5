import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { vehiclesQuery } from "../api/queries";
import { useSession } from "../api/session";
import { Choice, Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";

const USUAL_KWH = 20;

/** Somebody who stands at the place charges at once, until an end that is guaranteed. */
export function WalkIn({ place }: { place: Schema<"LocationOut"> }) {
  const state = useSession();
  const navigate = useNavigate();
  const vehicles = useQuery({ ...vehiclesQuery, enabled: state === "in" });
  const free = place.evses.filter(({ status }) => status === "AVAILABLE");
  const begin = usePress({
    name: "walk-in",
    isKept: true,
    stale: ["bookings", "place"],
    send: (body: Schema<"WalkInCreate">, key) =>
      ok(api.POST("/api/v1/booking/walk-ins", { body, headers: { "Idempotency-Key": key } })),
    done: ({ id }) => navigate({ to: "/bookings/$id", params: { id } }),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const evse = free.find(({ uid }) => uid === form.get("evse"));
    const plugs = evse?.connectors.map(({ standard }) => standard) ?? [];
    const vehicle = vehicles.data?.find((car) => car.standards.some((plug) => plugs.includes(plug))) ?? vehicles.data?.[0];
    begin.mutate({
      location_id: place.id,
      evse_uid: String(form.get("evse")),
      energy_kwh: Number(form.get("energy")),
      vehicle_id: vehicle?.id ?? null,
    });
  }
  if (state !== "in") return null;
  return (
    <section className="panel" aria-labelledby="walk-in">
      <h2 id="walk-in">{t("walk.title")}</h2>
      {free.length === 0 ? (
        <p>{t("walk.none")}</p>
      ) : (
        <form className="form-grid" onSubmit={send}>
          <p>{t("walk.lead")}</p>
          <div className="pair">
            <Choice label={t("walk.charger")} name="evse">
              {free.map(({ id, uid }) => (
                <option key={id} value={uid}>
                  {t("walk.free", { charger: uid })}
                </option>
              ))}
            </Choice>
            <Field
              label={t("walk.energy")}
              name="energy"
              type="number"
              min={1}
              max={300}
              step="any"
              required
              defaultValue={USUAL_KWH}
            />
          </div>
          {begin.error && <Failure error={begin.error} zone={place.time_zone} />}
          <button type="submit" className="btn" disabled={begin.isPending}>
            {t("walk.start")}
          </button>
        </form>
      )}
    </section>
  );
}
