import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok } from "../api/client";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { Overview } from "./overview";
import { Reported } from "./reported";

const submitted = (query: { status?: "SUBMITTED"; proposed?: true }) => async () =>
  (await ok(api.GET("/api/v1/stations/managed-locations", { params: { query: { limit: 100, ...query } } }))).items;

/** What waits for an administrator: new places, and changes to approved ones. */
export default function Approvals() {
  const places = useQuery({
    queryKey: ["managed", "submitted"],
    refetchInterval: 30_000,
    queryFn: submitted({ status: "SUBMITTED" }),
  });
  const changes = useQuery({
    queryKey: ["managed", "proposed"],
    refetchInterval: 30_000,
    queryFn: submitted({ proposed: true }),
  });
  const error = places.error ?? changes.error;
  const waiting = [
    ...(places.data ?? []),
    ...(changes.data ?? []).filter(({ id }) => !places.data?.some((place) => place.id === id)),
  ];
  return (
    <div className="page">
      <Title text={t("approvals.title")} />
      <Overview />
      <Reported />
      {error && <Failure error={error} again={() => void places.refetch()} />}
      {places.isLoading && <Loading label={t("approvals.loading")} />}
      {places.isSuccess && changes.isSuccess && waiting.length === 0 && (
        <Empty>
          <Icon name="waiting" size={40} />
          <p>{t("approvals.none")}</p>
        </Empty>
      )}
      <ul className="cards">
        {waiting.map((place) => (
          <li key={place.id}>
            <Link className="card" to="/admin/approvals/$id" params={{ id: place.id }}>
              <b>{place.name}</b>
              <small>{t("places.line", { address: place.address, city: place.city, count: place.evses })}</small>
              {place.proposed && <small>{t("places.proposed", { fields: Object.keys(place.proposed).join(", ") })}</small>}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
