import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Field, Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t, word } from "../texts";
import { day } from "../texts/format";

/** What drivers said of their sessions, by week and without who said it. */
export function Ratings() {
  const ratings = useInfiniteQuery({
    queryKey: ["hosted-ratings"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      ok(api.GET("/api/v1/booking/hosted/ratings", { params: { query: { limit: 20, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (ratings.data?.pages ?? []).flatMap((page) => page.items);
  return (
    <section className="panel" aria-labelledby="ratings">
      <h2 id="ratings">{t("reports.ratings")}</h2>
      {ratings.error && <Failure error={ratings.error} again={() => void ratings.refetch()} />}
      {ratings.isSuccess && all.length === 0 && <p className="quiet">{t("reports.noRatings")}</p>}
      <ul className="rows">
        {all.map((rating) => (
          <li key={rating.id}>
            <span>
              <b>{t("rating.star", { count: rating.stars })}</b>
              <small>
                {[
                  t("reports.week", { day: day(`${rating.week}T12:00Z`, "UTC") }),
                  ...rating.reasons.map((reason) => word("rated", reason)),
                ].join(" · ")}
              </small>
              {rating.words && <q>{rating.words}</q>}
            </span>
            {rating.words &&
              (rating.reported ? <span className="tag">{t("reports.reported")}</span> : <Report rating={rating} />)}
          </li>
        ))}
      </ul>
      {ratings.hasNextPage && (
        <button
          type="button"
          className="btn small"
          disabled={ratings.isFetchingNextPage}
          onClick={() => void ratings.fetchNextPage()}
        >
          {t("action.more")}
        </button>
      )}
    </section>
  );
}

function Report({ rating }: { rating: Schema<"HostedRating"> }) {
  const [open, setOpen] = useState(false);
  const report = usePress({
    name: `report:${rating.id}`,
    stale: ["hosted-ratings"],
    send: (reason: string, key) =>
      ok(
        api.POST("/api/v1/booking/hosted/ratings/{rating_id}/report", {
          params: { path: { rating_id: rating.id } },
          headers: { "Idempotency-Key": key },
          body: { reason },
        }),
      ),
    done: () => setOpen(false),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    report.mutate(String(new FormData(event.currentTarget).get("reason")));
  }
  return (
    <Pop title={t("reports.report")} trigger={t("reports.report")} triggerClass="btn small" open={open} onOpenChange={setOpen}>
      <form className="form-grid" onSubmit={send}>
        <Field label={t("hosted.reason")} name="reason" required maxLength={300} />
        {report.error && <Failure error={report.error} />}
        <button type="submit" className="btn bad" disabled={report.isPending}>
          {t("reports.report")}
        </button>
      </form>
    </Pop>
  );
}
