import { useQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Failure } from "../parts/notices";
import { t } from "../texts";

/** Drivers' words that an owner reported: they go, or they stay; the stars stay either way. */
export function Reported() {
  const reported = useQuery({
    queryKey: ["reported"],
    refetchInterval: 60_000,
    queryFn: async () => (await ok(api.GET("/api/v1/booking/reported-ratings"))).items,
  });
  if (reported.error) return <Failure error={reported.error} again={() => void reported.refetch()} />;
  if (!reported.data?.length) return null;
  return (
    <section className="alts" aria-labelledby="reported">
      <h2 id="reported">{t("ratings.title")}</h2>
      <ul className="cards">
        {reported.data.map((rating) => (
          <li key={rating.id} className="panel">
            <One rating={rating} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function One({ rating }: { rating: Schema<"HostedRating"> }) {
  const decide = usePress({
    name: `rating:${rating.id}`,
    stale: ["reported", "overview"],
    send: (removes: boolean, key) =>
      ok(
        api.POST("/api/v1/booking/reported-ratings/{rating_id}", {
          params: { path: { rating_id: rating.id } },
          headers: { "Idempotency-Key": key },
          body: { remove_words: removes },
        }),
      ),
  });
  return (
    <>
      <q>{rating.words}</q>
      {rating.report_reason && <p className="quiet">{t("ratings.why", { reason: rating.report_reason })}</p>}
      {decide.error && <Failure error={decide.error} />}
      <div className="acts">
        <button type="button" className="btn small bad" disabled={decide.isPending} onClick={() => decide.mutate(true)}>
          {t("ratings.remove")}
        </button>
        <button type="button" className="btn small" disabled={decide.isPending} onClick={() => decide.mutate(false)}>
          {t("ratings.leave")}
        </button>
      </div>
    </>
  );
}
