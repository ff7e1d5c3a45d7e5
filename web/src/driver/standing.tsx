import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok } from "../api/client";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { day, dayAndClock, deviceZone, number } from "../texts/format";

/** Bookings that were missed, until when each counts, and what follows. */
export default function Standing() {
  const zone = deviceZone();
  const standing = useQuery({ queryKey: ["standing"], queryFn: () => ok(api.GET("/api/v1/accounts/me/standing")) });
  const strikes = standing.data?.strikes ?? [];
  return (
    <div className="page narrow">
      <Link to="/me" className="back">
        <Icon name="back" />
        {t("me.title")}
      </Link>
      <Title text={t("standing.title")} />
      {standing.error && <Failure error={standing.error} again={() => void standing.refetch()} />}
      {standing.isLoading && <Loading label={t("standing.loading")} />}
      {standing.data && (
        <section className="panel" aria-label={t("standing.title")}>
          <p>
            <b>{strikes.length === 0 ? t("standing.good") : t("standing.strikes", { count: strikes.length })}</b>{" "}
            {t("standing.counts")}
          </p>
          {standing.data.limited_until && (
            <p className="notice warn">{t("standing.limited", { until: dayAndClock(standing.data.limited_until, zone) })}</p>
          )}
          <ul className="rows num">
            {strikes.map(({ booking_id, start, expires_at }) => (
              <li key={booking_id}>
                <Link to="/bookings/$id" params={{ id: booking_id }}>
                  {dayAndClock(start, zone)}
                </Link>
                <small>{t("standing.until", { until: day(expires_at, zone) })}</small>
              </li>
            ))}
          </ul>
          <dl className="facts num">
            <div>
              <dt>{t("standing.open")}</dt>
              <dd>{number(standing.data.open_bookings)}</dd>
            </div>
          </dl>
          <p className="fine">{t("standing.dispute")}</p>
        </section>
      )}
    </div>
  );
}
