import { useQuery } from "@tanstack/react-query";
import { keptBookings } from "../api/kept";
import { Empty } from "../parts/notices";
import { t, word } from "../texts";
import { clock, dayAndClock, deviceZone, kwh } from "../texts/format";
import { powerFact, priceFact, Ticket } from "./ticket";

/** The bookings that were read last, without a line: the newest as a ticket, or the one that is asked for. */
export function Kept({ id }: { id?: string }) {
  const kept = useQuery({ queryKey: ["kept"], networkMode: "always", staleTime: 0, queryFn: keptBookings });
  if (kept.isLoading) return null;
  const bookings = kept.data?.bookings ?? [];
  const chosen = id ? bookings.filter((booking) => booking.id === id) : bookings;
  if (!kept.data || chosen.length === 0) return <Empty>{t("kept.none")}</Empty>;
  return (
    <>
      <p className="notice warn" role="status">
        {t("kept.from", { when: dayAndClock(kept.data.at, deviceZone()) })}
      </p>
      {chosen.slice(0, 1).map((booking) => {
        const zone = booking.location?.time_zone ?? deviceZone();
        return (
          <Ticket
            key={booking.id}
            pill={word("booking", booking.reservation_status)}
            start={booking.period.start}
            end={booking.period.end}
            zone={zone}
            name={booking.location?.name ?? t("bookings.place")}
            address={booking.location?.address}
            facts={[
              priceFact(booking.quote.total_minor, booking.quote.currency),
              powerFact(booking.power_kw),
              { label: t("booking.energy"), value: kwh(booking.energy_kwh) },
            ]}
          >
            {null}
          </Ticket>
        );
      })}
      <ul className="cards">
        {chosen.slice(1).map((booking) => {
          const zone = booking.location?.time_zone ?? deviceZone();
          return (
            <li key={booking.id} className="card timed num">
              <span className="t">{clock(booking.period.start, zone)}</span>
              <span>
                <span className="n">{booking.location?.name ?? t("bookings.place")}</span>
                <span className="d">{dayAndClock(booking.period.start, zone)}</span>
              </span>
              <span className="p">{word("booking", booking.reservation_status)}</span>
            </li>
          );
        })}
      </ul>
    </>
  );
}
