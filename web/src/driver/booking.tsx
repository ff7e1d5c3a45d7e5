import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, Offline, ok, type Schema } from "../api/client";
import { bookingQuery, placeQuery } from "../api/queries";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, deviceZone, fromNow, kwh } from "../texts/format";
import { Actions } from "./booking-actions";
import { Life, Receipt } from "./booking-life";
import { Moved } from "./booking-moved";
import { Pay } from "./booking-pay";
import { isRatable, Rate } from "./booking-rating";
import { Sessions } from "./booking-sessions";
import { Kept } from "./kept";
import { costlySentences } from "./terms";
import { expectedFact, powerFact, priceFact, Ticket } from "./ticket";

type Booking = Schema<"Booking">;
/** What OCPI says where the charger is settled later. */
const NOT_TOLD = "#NA";
const NEAR_MS = 2 * 3600_000;

/** Near its time, or while charging, a booking is asked for every ten seconds. */
const isNear = ({ period, reservation_status }: Booking) =>
  ["RESERVED", "PENDING", "FULFILLED"].includes(reservation_status) &&
  Date.parse(period.start) - Date.now() < NEAR_MS &&
  Date.parse(period.end) + NEAR_MS > Date.now();

export default function BookingPage() {
  const { id } = useParams({ from: "/bookings/$id" });
  const booking = useQuery({
    ...bookingQuery(id),
    refetchInterval: ({ state }) => (state.data && isNear(state.data) ? 10_000 : 60_000),
  });
  const place = useQuery({ ...placeQuery(booking.data?.location_id ?? ""), enabled: booking.data !== undefined });
  const read = booking.data;
  const isAway = !read && (booking.isPaused || booking.error instanceof Offline);
  return (
    <div className="page narrow">
      <Link to="/bookings" className="back">
        <Icon name="back" />
        {t("bookings.title")}
      </Link>
      <Title isHidden text={t("booking.title")} />
      {isAway && <Kept id={id} />}
      {booking.error && !isAway && <Failure error={booking.error} again={() => void booking.refetch()} />}
      {!read && booking.isLoading && <Loading label={t("booking.loading")} />}
      {read && <Found booking={read} place={place.data} />}
    </div>
  );
}

function Found({ booking, place }: { booking: Booking; place?: Schema<"LocationOut"> }) {
  const zone = place?.time_zone ?? deviceZone();
  const { period, quote, terms, reservation_status: status } = booking;
  const isOver = ["CANCELED", "NO_SHOW", "REJECTED", "FAILED"].includes(status);
  const isTold = booking.evse_uid !== NOT_TOLD;
  const isAhead = status === "RESERVED" && Date.parse(period.start) > Date.now();
  return (
    <>
      <Moved booking={booking} zone={zone} />
      <Ticket
        pill={status === "RESERVED" ? t("slot.booked") : word("booking", status)}
        aside={
          isAhead ? (
            <span className="num">{fromNow(period.start)}</span>
          ) : booking.kind === "WALK_IN" ? (
            <span>{t("booking.walkIn")}</span>
          ) : undefined
        }
        start={period.start}
        end={period.end}
        zone={zone}
        name={
          <Link to="/places/$id" params={{ id: booking.location_id }}>
            {place?.name ?? t("bookings.place")}
          </Link>
        }
        address={place?.address}
        isGone={isOver}
        facts={[
          expectedFact(quote.expected_minor, quote.currency),
          priceFact(quote.total_minor, quote.currency),
          { label: t("booking.energy"), value: kwh(booking.energy_kwh) },
          powerFact(booking.power_kw),
          { label: t("booking.charger"), value: isTold ? booking.evse_uid : t("booking.later") },
        ]}
      >
        <Actions booking={booking} zone={zone} place={place} />
        {!isOver && !booking.session && (
          <p className="fine">
            {costlySentences({ period, zone, terms, fees: quote.fees, currency: quote.currency }).join(" ")}
          </p>
        )}
      </Ticket>
      {booking.payment && <Pay id={booking.id} payment={booking.payment} zone={zone} isOver={isOver} />}
      {booking.kind === "WALK_IN" && !isOver && !booking.session?.stopped_at && (
        <p className="notice good" role="status">
          {t("walk.until", { time: clock(period.end, zone) })}
        </p>
      )}
      {status === "RESERVED" && isTold && <Access booking={booking} zone={zone} />}
      <Life booking={booking} zone={zone} />
      {booking.session && <Sessions id={booking.id} zone={zone} isRunning={!booking.session.stopped_at} />}
      {booking.settlement && "total_minor" in booking.settlement && <Receipt settlement={booking.settlement} />}
      {isRatable(booking.session?.stopped_at, Date.now()) && <Rate id={booking.id} />}
    </>
  );
}

/** The way in, from when the charger is told until the session ends. */
function Access({ booking, zone }: { booking: Booking; zone: string }) {
  const access = useQuery({
    queryKey: ["access", booking.id],
    refetchInterval: 60_000,
    retry: false,
    queryFn: () =>
      ok(api.GET("/api/v1/booking/bookings/{booking_id}/access", { params: { path: { booking_id: booking.id } } })),
  });
  if (!access.data) return null;
  const { methods, access_code: code, valid_from, valid_until } = access.data;
  return (
    <section className="access" aria-labelledby="access">
      <h2 id="access">{t("booking.access")}</h2>
      {code && <p className="code">{code}</p>}
      <p>{methods.map((method) => word("access", method)).join(" · ")}</p>
      <p className="fine">{t("booking.accessFrom", { from: clock(valid_from, zone), until: clock(valid_until, zone) })}</p>
    </section>
  );
}
