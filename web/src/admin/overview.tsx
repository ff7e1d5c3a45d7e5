import { useQuery } from "@tanstack/react-query";
import { Failure, Loading } from "../parts/notices";
import { Tile } from "../parts/tile";
import "../styles/host.css";
import { t } from "../texts";
import { fromNow, number } from "../texts/format";
import { overviewQuery } from "./queries";

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, count) => total + count, 0);

/** The platform in eight numbers: what waits first. */
export function Overview() {
  const overview = useQuery(overviewQuery);
  if (overview.error) return <Failure error={overview.error} again={() => void overview.refetch()} />;
  if (!overview.data) return <Loading label={t("approvals.loading")} rows={2} />;
  const { accounts, stations, bookings, messages_waiting, dead_letters, ...now } = overview.data;
  const waiting = (stations.locations.SUBMITTED ?? 0) + stations.changes_proposed;
  const of = (role: string) => sum(accounts[role] ?? {});
  const suspended = Object.values(accounts).reduce((total, byStatus) => total + (byStatus.SUSPENDED ?? 0), 0);
  return (
    <dl className="tiles4 num" aria-label={t("over.title")}>
      <Tile
        isFirst
        label={t("over.waiting")}
        value={number(waiting)}
        more={
          stations.oldest_waiting_since
            ? t("over.since", { when: fromNow(stations.oldest_waiting_since) })
            : t("over.noneWaits")
        }
      />
      <Tile
        label={t("over.bookings")}
        value={number(bookings.reserved)}
        more={t("over.charging", { count: bookings.charging, held: bookings.held })}
      />
      <Tile label={t("over.risk")} value={number(bookings.waiting_for_a_charger)} more={t("over.riskMore")} />
      <Tile
        label={t("over.places")}
        value={number(sum(stations.locations))}
        more={t("over.approved", { count: stations.locations.APPROVED ?? 0 })}
      />
      <Tile label={t("over.silent")} value={number(now.silent_feeds)} more="" />
      <Tile
        label={t("over.dead")}
        value={number(sum(dead_letters))}
        more={t("over.deadMore", { count: sum(messages_waiting) })}
      />
      <Tile
        label={t("over.people")}
        value={number(Object.keys(accounts).reduce((total, role) => total + of(role), 0))}
        more={t("over.peopleMore", { owners: of("owner"), suspended })}
      />
      <Tile
        label={t("over.requests")}
        value={number(now.requests_waiting)}
        more={t("over.ratings", { count: now.ratings_reported })}
      />
    </dl>
  );
}
