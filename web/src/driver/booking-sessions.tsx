import { useQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "../api/client";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { clock, dayAndClock, kwh, number, percent } from "../texts/format";

type Session = Schema<"BookingSession">;

/** What the station reported of the charging: when, how much, and its meter's readings. */
export function Sessions({ id, zone, isRunning }: { id: string; zone: string; isRunning: boolean }) {
  const sessions = useQuery({
    queryKey: ["bookings", id, "sessions"],
    refetchInterval: isRunning ? 15_000 : false,
    queryFn: async () =>
      (await ok(api.GET("/api/v1/booking/bookings/{booking_id}/sessions", { params: { path: { booking_id: id } } }))).items,
  });
  if (sessions.error) return <Failure error={sessions.error} again={() => void sessions.refetch()} />;
  if (!sessions.data?.length) return null;
  return (
    <section className="panel" aria-labelledby="sessions">
      <h2 id="sessions">{t("sessions.title")}</h2>
      {sessions.data.map((session) => (
        <One key={session.id} session={session} zone={zone} />
      ))}
    </section>
  );
}

function One({ session, zone }: { session: Session; zone: string }) {
  return (
    <>
      <p className="num">
        {t("sessions.line", {
          from: dayAndClock(session.start_date_time, zone),
          until: session.end_date_time ? clock(session.end_date_time, zone) : t("sessions.now"),
          energy: kwh(session.kwh ?? 0, 1),
        })}
      </p>
      {session.soc !== null && <p>{t("sessions.soc", { soc: percent(session.soc) })}</p>}
      {session.meter_values.length > 0 && (
        <details>
          <summary>{t("sessions.readings")}</summary>
          <table className="twin num">
            <thead>
              <tr>
                <th scope="col">{t("sessions.at")}</th>
                <th scope="col">{t("sessions.kwh")}</th>
              </tr>
            </thead>
            <tbody>
              {session.meter_values.map(({ at, kwh: reading }) => (
                <tr key={at}>
                  <th scope="row">{clock(at, zone)}</th>
                  <td>{number(reading, 2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </>
  );
}
