import { useQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Failure } from "../parts/notices";
import { t, word } from "../texts";

/** Places of others that this account is invited to help run. */
export function Invited() {
  const places = useQuery({
    queryKey: ["staff-places"],
    queryFn: async () => (await ok(api.GET("/api/v1/stations/staff-places"))).items,
  });
  const waiting = (places.data ?? []).filter(({ accepted_at }) => accepted_at === null);
  if (waiting.length === 0) return null;
  return (
    <section className="alts" aria-labelledby="invited">
      <h2 id="invited">{t("staff.places")}</h2>
      <ul className="cards">
        {waiting.map((place) => (
          <li key={place.location_id} className="panel">
            <Answer place={place} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Answer({ place }: { place: Schema<"StaffPlace"> }) {
  const options = { params: { path: { location_id: place.location_id } } };
  const stale = ["staff-places", "managed"];
  const accept = usePress({
    name: `staff-accept:${place.location_id}`,
    stale,
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/stations/staff-places/{location_id}/accept", {
          ...options,
          headers: { "Idempotency-Key": key },
        }),
      ),
  });
  const refuse = usePress({
    name: `staff-refuse:${place.location_id}`,
    stale,
    send: (_: null) => ok(api.DELETE("/api/v1/stations/staff-places/{location_id}", options)),
  });
  const error = accept.error ?? refuse.error;
  return (
    <>
      <h3>{place.name}</h3>
      <p className="quiet">{word("staff", place.rights)}</p>
      {error && <Failure error={error} />}
      <div className="acts">
        <button type="button" className="btn small main" disabled={accept.isPending} onClick={() => accept.mutate(null)}>
          {t("staff.accept", { name: place.name })}
        </button>
        <button type="button" className="btn small" disabled={refuse.isPending} onClick={() => refuse.mutate(null)}>
          {t("staff.refuse", { name: place.name })}
        </button>
      </div>
    </>
  );
}
