import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok } from "../api/client";
import { Failure, Loading } from "../parts/notices";
import { t } from "../texts";
import { Lanes } from "./lanes-view";

const HOUR = 3_600_000;

/** The same hours at every place of the owner (the newest, where there are many), each with its lanes. */
export function Everywhere({ begin, hours, names }: { begin: number; hours: number; names: Map<string, string> }) {
  const end = begin + hours * HOUR;
  const calendars = useQuery({
    queryKey: ["calendar", "all", begin, end],
    refetchInterval: 30_000,
    queryFn: async () => {
      const query = { from: new Date(begin).toISOString(), to: new Date(end).toISOString() };
      return (await ok(api.GET("/api/v1/booking/calendars", { params: { query } }))).items;
    },
  });
  if (calendars.error) return <Failure error={calendars.error} again={() => void calendars.refetch()} />;
  if (!calendars.data) return <Loading label={t("host.loading")} rows={4} />;
  const starts = Array.from({ length: hours }, (_, index) => begin + index * HOUR);
  return (
    <>
      {calendars.data.length < names.size && <p className="notice">{t("host.newest", { count: calendars.data.length })}</p>}
      {calendars.data.map((calendar) => (
        <section key={calendar.location_id} className="panel" aria-labelledby={`at-${calendar.location_id}`}>
          <header>
            <h2 id={`at-${calendar.location_id}`}>{names.get(calendar.location_id)}</h2>
            <Link className="btn small" to="/host" search={{ place: calendar.location_id }}>
              {t("places.today")}
            </Link>
          </header>
          <Lanes calendar={calendar} begin={begin} end={end} hours={starts} name={names.get(calendar.location_id)} />
        </section>
      ))}
    </>
  );
}
