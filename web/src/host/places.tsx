import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { fromNow } from "../texts/format";
import { Invited } from "./invited";
import { feedsQuery, myPlacesQuery } from "./queries";

type Managed = Schema<"ManagedLocation">;

/** The owner's places and how far each is: draft, waiting for approval, approved, rejected with the reason. */
export default function Places() {
  const places = useQuery(myPlacesQuery);
  const feeds = useQuery(feedsQuery);
  const feedOf = new Map(feeds.data?.map((feed) => [feed.location_id, feed]));
  return (
    <div className="page narrow">
      <Title text={t("places.title")} />
      {places.error && <Failure error={places.error} again={() => void places.refetch()} />}
      {places.isLoading && <Loading label={t("places.loading")} />}
      <Invited />
      {places.data?.length === 0 && <Empty>{t("host.none")}</Empty>}
      <ul className="cards">
        {places.data?.map((place) => (
          <li key={place.id} className="panel">
            <header>
              <h2>{place.name}</h2>
              <span className="tag">{word("place", place.status)}</span>
            </header>
            <Feed feed={feedOf.get(place.id)} />
            <p className="quiet">{t("places.line", { address: place.address, city: place.city, count: place.evses })}</p>
            {place.status_reason && <p className="notice warn">{place.status_reason}</p>}
            {place.proposed && (
              <p className="notice">{t("places.proposed", { fields: Object.keys(place.proposed).join(", ") })}</p>
            )}
            <Step place={place} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** How the place's feed does: heard, silent, or none; and who waits for a charger there. */
function Feed({ feed }: { feed?: Schema<"FeedHealth"> }) {
  if (!feed) return null;
  const when = feed.heard_at ? fromNow(feed.heard_at) : "";
  const [text, kind] = feed.silent_since
    ? [t("feed.silent", { when }), "none"]
    : feed.heard_at
      ? [t("feed.heard", { when }), "go"]
      : [t("feed.never"), "dead"];
  return (
    <p className={`fine ${kind}`}>
      {text}
      {feed.waiting > 0 && ` · ${t("feed.waiting", { count: feed.waiting })}`}
    </p>
  );
}

/** What an owner can do with a place as it stands. */
function Step({ place }: { place: Managed }) {
  const options = { params: { path: { location_id: place.id }, header: { "If-Match": place.etag } } };
  const submit = usePress({
    name: `submit:${place.id}`,
    stale: ["managed"],
    send: (_: null) => ok(api.POST("/api/v1/stations/locations/{location_id}/submit", options)),
  });
  const withdraw = usePress({
    name: `withdraw:${place.id}`,
    stale: ["managed"],
    send: (_: null) => ok(api.POST("/api/v1/stations/locations/{location_id}/withdraw", options)),
  });
  const error = submit.error ?? withdraw.error;
  return (
    <>
      {error && <Failure error={error} />}
      <div className="acts">
        <Link
          className="btn small"
          to="/host/places/$id/chargers"
          params={{ id: place.id }}
          aria-label={`${t("edit.open")}: ${place.name}`}
        >
          {t("edit.open")}
        </Link>
        {place.status === "APPROVED" && (
          <Link className="btn small" to="/host" search={{ place: place.id }}>
            {t("places.today")}
          </Link>
        )}
        {(place.status === "DRAFT" || place.status === "REJECTED") && (
          <button type="button" className="btn small main" disabled={submit.isPending} onClick={() => submit.mutate(null)}>
            {t("places.submit")}
          </button>
        )}
        {place.status === "SUBMITTED" && (
          <button type="button" className="btn small" disabled={withdraw.isPending} onClick={() => withdraw.mutate(null)}>
            {t("places.withdraw")}
          </button>
        )}
      </div>
    </>
  );
}
