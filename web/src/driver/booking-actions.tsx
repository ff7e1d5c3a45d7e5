import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { dayAndClock, money } from "../texts/format";
import { Move } from "./booking-move";
import { freeUntil, movableUntil, priceOfCancelling } from "./leaving";

type Booking = Schema<"Booking">;
const MINUTE = 60_000;

/** What comes next in a booking's life, as buttons: start, stop, move, cancel with its price. */
export function Actions({ booking, zone, place }: { booking: Booking; zone: string; place?: Schema<"LocationOut"> }) {
  const queries = useQueryClient();
  const [answer, setAnswer] = useState("");
  const settle = (said: string) => (next: Booking) => {
    queries.setQueryData(["bookings", booking.id], next);
    setAnswer(said);
  };
  const path = { booking_id: booking.id };
  const stale = ["bookings", "inbox"];
  const cancel = usePress({
    name: `cancel:${booking.id}`,
    isKept: true,
    stale,
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/cancel", {
          params: { path },
          body: { reason: "UNKNOWN" },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: settle(t("booking.canceled")),
  });
  const start = usePress({
    name: `start:${booking.id}`,
    isKept: true,
    stale,
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/start", {
          params: { path },
          body: { vacant: false },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: settle(t("booking.started")),
  });
  const stop = usePress({
    name: `stop:${booking.id}`,
    isKept: true,
    stale,
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/stop", {
          params: { path },
          body: {},
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: settle(t("booking.stopped")),
  });
  const now = Date.now();
  const { period, terms, reservation_status: status, session } = booking;
  const canStart =
    status === "RESERVED" && !session && now >= Date.parse(period.start) - (terms.early_start_minutes ?? 0) * MINUTE;
  const canStop = session && !session.stopped_at && !session.stop_asked_at;
  const movable = movableUntil(period.start, terms);
  const canMove = status === "RESERVED" && !session && movable !== null && now <= movable.getTime();
  const canCancel = (status === "RESERVED" || status === "PENDING") && !session;
  const fee = priceOfCancelling(booking, now);
  const price = fee ? money(fee, booking.quote.currency) : "";
  const error = cancel.error ?? start.error ?? stop.error;
  const buttons: ReactNode[] = [];
  if (canStart)
    buttons.push(
      <button key="start" type="button" className="btn volt" disabled={start.isPending} onClick={() => start.mutate(null)}>
        {t("booking.start")}
      </button>,
    );
  if (canStop)
    buttons.push(
      <button key="stop" type="button" className="btn volt" disabled={stop.isPending} onClick={() => stop.mutate(null)}>
        {t("booking.stop")}
      </button>,
    );
  if (canMove && place) buttons.push(<Move key="move" booking={booking} place={place} onMoved={settle(t("booking.moved"))} />);
  if (canCancel)
    buttons.push(
      <Pop
        key="cancel"
        title={t("booking.cancelTitle")}
        trigger={fee ? t("booking.cancelFor", { fee: price }) : t("booking.cancelFree")}
      >
        <p>
          {fee
            ? t("booking.cancelCosts", { fee: price })
            : t("booking.cancelNothing", { until: dayAndClock(freeUntil(period.start, terms), zone) })}
        </p>
        <button type="button" className="btn bad" disabled={cancel.isPending} onClick={() => cancel.mutate(null)}>
          {fee ? t("booking.cancelFor", { fee: price }) : t("booking.cancelFree")}
        </button>
        {cancel.error && <Failure error={cancel.error} zone={zone} />}
      </Pop>,
    );
  return (
    <>
      {buttons.length > 0 && <div className="acts">{buttons}</div>}
      {error && !cancel.error && <Failure error={error} zone={zone} />}
      <p role="status" className={answer ? "" : "vh"}>
        {answer}
      </p>
    </>
  );
}
