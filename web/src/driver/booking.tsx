import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { bookingQuery, placeQuery } from "../api/queries";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, dayAndClock, deviceZone, fromNow, kwh, minutes, money } from "../texts/format";
import { Actions } from "./booking-actions";
import { freeUntil, movableUntil } from "./leaving";
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
  const found = booking.data;
  return (
    <div className="page narrow">
      <Link to="/bookings" className="back">
        <Icon name="back" />
        {t("bookings.title")}
      </Link>
      <Title isHidden text={t("booking.title")} />
      {booking.error && <Failure error={booking.error} again={() => void booking.refetch()} />}
      {!found && booking.isLoading && <Loading label={t("booking.loading")} />}
      {found && <Found booking={found} place={place.data} />}
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
      <Ticket
        pill={status === "RESERVED" ? t("slot.booked") : word("booking", status)}
        aside={isAhead ? <span className="num">{fromNow(period.start)}</span> : undefined}
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
            {costlySentences({ start: period.start, zone, terms, fees: quote.fees, currency: quote.currency }).join(" ")}
          </p>
        )}
      </Ticket>
      {status === "RESERVED" && isTold && <Access booking={booking} zone={zone} />}
      <Life booking={booking} zone={zone} />
      {booking.settlement && "total_minor" in booking.settlement && <Receipt settlement={booking.settlement} />}
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

type Step = { at: string | Date; text: string };

/** What happens with the booking, in order: what was is quiet, what comes is not. */
function Life({ booking, zone }: { booking: Booking; zone: string }) {
  const { period, terms, session, canceled, settlement, reservation_status: status } = booking;
  const steps: Step[] = [{ at: booking.created_at, text: t("life.booked") }];
  if (canceled) {
    const fee = canceled.fee_minor
      ? t("life.fee", { fee: money(canceled.fee_minor, booking.quote.currency) })
      : t("life.noFee");
    steps.push({
      at: booking.last_updated,
      text: t(canceled.who_canceled === "CPO" ? "life.canceledByThem" : "life.canceledByYou", { fee }),
    });
  } else if (status === "NO_SHOW") {
    const fee =
      settlement && "no_show_fee_minor" in settlement && settlement.no_show_fee_minor
        ? t("life.fee", { fee: money(settlement.no_show_fee_minor, booking.quote.currency) })
        : t("life.noFee");
    steps.push({ at: booking.last_updated, text: t("life.noShow", { fee }) });
  } else {
    const movable = movableUntil(period.start, terms);
    if (status === "RESERVED") {
      steps.push({ at: freeUntil(period.start, terms), text: t("life.freeUntil") });
      if (movable) steps.push({ at: movable, text: t("life.movableUntil") });
      steps.push({ at: period.start, text: t("life.start", { kept: minutes(terms.noshow_timeout_minutes ?? 0) }) });
    }
    if (session) steps.push({ at: session.started_at, text: t("life.started") });
    steps.push(
      session?.stopped_at
        ? { at: session.stopped_at, text: t("life.stopped", { energy: kwh(session.energy_kwh ?? 0, 1) }) }
        : { at: period.end, text: t("life.end") },
    );
  }
  return (
    <section className="panel" aria-labelledby="life">
      <h2 id="life">{t("life.title")}</h2>
      <ol className="timeline">
        {steps
          .toSorted((a, b) => new Date(a.at).getTime() - new Date(b.at).getTime())
          .map(({ at, text }) => {
            const isDone = new Date(at).getTime() <= Date.now();
            return (
              <li key={text} data-done={isDone}>
                <span aria-hidden="true">{isDone ? "✓" : "○"}</span>
                <span>
                  <b className="num">{dayAndClock(at, zone)}</b> {text}
                </span>
              </li>
            );
          })}
      </ol>
    </section>
  );
}

function Receipt({ settlement }: { settlement: Schema<"SessionSettlement"> }) {
  return (
    <section className="panel" aria-labelledby="receipt">
      <h2 id="receipt">{t("receipt.title", { total: money(settlement.total_minor, settlement.currency) })}</h2>
      <ul className="rows num">
        {settlement.elements.map((element, index) => (
          <li key={`${element.dimension}${index + 1}`}>
            <span>{word("dimension", element.dimension)}</span>
            <b>{money(element.amount_minor, settlement.currency)}</b>
          </li>
        ))}
        {settlement.tax?.map(({ rate, vat_minor }) => (
          <li key={rate}>
            <span>{t("receipt.vat", { rate })}</span>
            <b>{money(vat_minor, settlement.currency)}</b>
          </li>
        ))}
      </ul>
      <p className="fine">{t("receipt.line", { energy: kwh(settlement.energy_kwh, 1), time: minutes(settlement.minutes) })}</p>
    </section>
  );
}
