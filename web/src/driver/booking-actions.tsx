import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Pop } from "../parts/controls";
import { saveFile } from "../parts/file";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { dayAndClock, money } from "../texts/format";
import { Move } from "./booking-move";
import { movableUntil } from "./leaving";

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
          body: { vacant: false, occupied: false },
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
  const isAtRisk = booking.assurance === "AT_RISK";
  const canMove = status === "RESERVED" && !session && (isAtRisk || (movable !== null && now <= movable.getTime()));
  const canCancel = (status === "RESERVED" || status === "PENDING") && !session;
  const cost = useQuery({
    queryKey: ["bookings", booking.id, "cancellation", booking.last_updated],
    enabled: canCancel,
    refetchInterval: 30_000,
    queryFn: () =>
      ok(api.GET("/api/v1/booking/bookings/{booking_id}/cancellation", { params: { path: { booking_id: booking.id } } })),
  });
  const fee = cost.data?.fee_minor;
  const price = cost.data && fee ? money(fee, cost.data.currency) : "";
  const freeUntil = cost.data?.free_until;
  const error = cost.error ?? cancel.error ?? start.error ?? stop.error;
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
  if (canCancel && cost.data)
    buttons.push(
      <Pop
        key="cancel"
        title={t("booking.cancelTitle")}
        trigger={fee ? t("booking.cancelFor", { fee: price }) : t("booking.cancelFree")}
      >
        <p>
          {fee
            ? t("booking.cancelCosts", { fee: price })
            : freeUntil && Date.parse(freeUntil) > now
              ? t("booking.cancelNothing", { until: dayAndClock(freeUntil, zone) })
              : t("booking.cancelLater")}
        </p>
        <button type="button" className="btn bad" disabled={cancel.isPending} onClick={() => cancel.mutate(null)}>
          {fee ? t("booking.cancelFor", { fee: price }) : t("booking.cancelFree")}
        </button>
        {cancel.error && <Failure error={cancel.error} zone={zone} />}
      </Pop>,
    );
  if (status === "RESERVED" && !session) buttons.push(<CalendarFile key="calendar" id={booking.id} />);
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

/** The booking for one's own calendar. */
function CalendarFile({ id }: { id: string }) {
  const take = usePress({
    name: "calendar",
    send: (_: null) =>
      ok<Blob>(
        api.GET("/api/v1/booking/bookings/{booking_id}/calendar.ics", {
          params: { path: { booking_id: id } },
          parseAs: "blob",
        }),
      ),
    done: (content) => saveFile(content, "charging.ics"),
  });
  return (
    <>
      <button type="button" className="btn" disabled={take.isPending} onClick={() => take.mutate(null)}>
        {t("booking.calendar")}
      </button>
      {take.error && <Failure error={take.error} />}
    </>
  );
}
