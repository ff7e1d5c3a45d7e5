import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { placeQuery } from "../api/queries";
import { TextArea } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import "../styles/host.css";
import { t, word } from "../texts";
import { dayAndClock } from "../texts/format";

const LEAST_REASON = 3;
const shown = (value: unknown): string =>
  value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);

/** One submission: what it would change, then yes, or no with a sentence. */
export default function Approval() {
  const { id } = useParams({ from: "/admin/approvals/$id" });
  const navigate = useNavigate();
  const place = useQuery(placeQuery(id));
  const submissions = useQuery({
    queryKey: ["submissions", id],
    queryFn: async () =>
      (await ok(api.GET("/api/v1/stations/locations/{location_id}/submissions", { params: { path: { location_id: id } } })))
        .items,
  });
  const options = { params: { path: { location_id: id }, header: { "If-Match": place.data?.etag ?? "" } } };
  const stale = ["managed", "place", "submissions"];
  const done = () => void navigate({ to: "/admin" });
  const approve = usePress({
    name: `approve:${id}`,
    stale,
    done,
    send: (_: null) => ok(api.POST("/api/v1/stations/locations/{location_id}/approve", options)),
  });
  const reject = usePress({
    name: `reject:${id}`,
    stale,
    done,
    send: (reason: string) => ok(api.POST("/api/v1/stations/locations/{location_id}/reject", { ...options, body: { reason } })),
  });
  const error = place.error ?? submissions.error ?? approve.error ?? reject.error;
  function refuse(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    reject.mutate(String(new FormData(event.currentTarget).get("reason")));
  }
  return (
    <div className="page narrow">
      <Link to="/admin" className="back">
        <Icon name="back" />
        {t("approvals.title")}
      </Link>
      <Title text={place.data?.name ?? t("approvals.one")} />
      {error && <Failure error={error} again={() => void place.refetch()} />}
      {(place.isLoading || submissions.isLoading) && <Loading label={t("approvals.loading")} />}
      {place.data && <Facts place={place.data} />}
      {submissions.data?.[0] && <Changes submission={submissions.data[0]} zone={place.data?.time_zone ?? "UTC"} />}
      {place.data && (
        <section className="panel" aria-labelledby="decide">
          <h2 id="decide">{t("approvals.decide")}</h2>
          <button type="button" className="btn main" disabled={approve.isPending} onClick={() => approve.mutate(null)}>
            {t("approvals.approve")}
          </button>
          <form className="form-grid" onSubmit={refuse}>
            <TextArea
              label={t("approvals.reason")}
              name="reason"
              required
              minLength={LEAST_REASON}
              maxLength={500}
              hint={t("approvals.reasonHint")}
            />
            <button type="submit" className="btn bad" disabled={reject.isPending}>
              {t("approvals.reject")}
            </button>
          </form>
        </section>
      )}
    </div>
  );
}

function Facts({ place }: { place: Schema<"LocationOut"> }) {
  const facts = [
    { label: t("approvals.status"), value: word("place", place.status) },
    { label: t("approvals.address"), value: `${place.address}, ${place.city}` },
    { label: t("approvals.point"), value: `${place.latitude}, ${place.longitude}` },
    { label: t("host.chargers"), value: String(place.evses.length) },
  ];
  return (
    <dl className="panel facts num">
      {facts.map(({ label, value }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Changes({ submission, zone }: { submission: Schema<"SubmissionOut">; zone: string }) {
  const changes = submission.changes as Schema<"ChangeOut">[] | null;
  return (
    <section className="panel" aria-labelledby="changes">
      <h2 id="changes">{t("approvals.submitted", { when: dayAndClock(submission.submitted_at, zone) })}</h2>
      {changes === null || changes.length === 0 ? (
        <p>{t(changes === null ? "approvals.first" : "approvals.same")}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll sideways
        <section className="scroll" tabIndex={0} aria-label={t("chart.table")}>
          <table className="twin">
            <thead>
              <tr>
                <th scope="col">{t("approvals.field")}</th>
                <th scope="col">{t("approvals.before")}</th>
                <th scope="col">{t("approvals.after")}</th>
              </tr>
            </thead>
            <tbody>
              {changes.map(({ field, before, after }) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  <td>
                    <del>{shown(before)}</del>
                  </td>
                  <td>
                    <ins>{shown(after)}</ins>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
