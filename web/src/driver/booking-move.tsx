import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, Problem, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import "../styles/place.css";
import { t } from "../texts";
import { dayAndClock, money } from "../texts/format";
import { Alternatives } from "./alternatives";
import { TimeGrid } from "./time-grid";

type Booking = Schema<"Booking">;

/** Another time for a booking: what it costs then stands before the press; the old one stands until the new one is held. */
export function Move({
  booking,
  place,
  onMoved,
}: {
  booking: Booking;
  place: Schema<"LocationOut">;
  onMoved: (booking: Booking) => void;
}) {
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const length = (Date.parse(booking.period.end) - Date.parse(booking.period.start)) / 60_000;
  const pool = place.pools.find((known) => known.connector === booking.connector && known.power_class === booking.power_class);
  const period = at === null ? null : { start: new Date(at).toISOString(), end: new Date(at + length * 60_000).toISOString() };
  const preview = useQuery({
    queryKey: ["preview", booking.id, booking.last_updated, period?.start],
    enabled: period !== null,
    queryFn: () =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/reschedule/preview", {
          params: { path: { booking_id: booking.id } },
          body: { start: period!.start },
        }),
      ),
  });
  const move = usePress({
    name: `move:${booking.id}`,
    isKept: true,
    stale: ["bookings", "availability", "inbox"],
    send: (start: string, key) =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/reschedule", {
          params: { path: { booking_id: booking.id } },
          body: { start },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: (moved) => {
      setOpen(false);
      onMoved(moved);
    },
  });
  const others =
    move.error instanceof Problem
      ? (move.error.body.alternatives ?? []).filter(({ location_id }) => location_id === place.id)
      : [];
  const dearer = preview.data?.difference_minor ?? 0;
  const difference = money(Math.abs(dearer), booking.quote.currency);
  return (
    <Pop title={t("move.title")} trigger={t("move.button")} open={open} onOpenChange={setOpen}>
      <p>{t("move.stands")}</p>
      <TimeGrid place={place} pool={pool} length={length} value={at} onChange={setAt} />
      {period && preview.error && <Failure error={preview.error} zone={place.time_zone} />}
      {period && preview.data && (
        <div role="status" className="notice good">
          {dearer === 0
            ? t("move.same", { when: dayAndClock(period.start, place.time_zone) })
            : t(dearer > 0 ? "move.dearer" : "move.cheaper", { when: dayAndClock(period.start, place.time_zone), difference })}
          {preview.data.cancel_free_until && (
            <p className="fine">
              {t("move.freeUntil", { until: dayAndClock(preview.data.cancel_free_until, place.time_zone) })}
            </p>
          )}
        </div>
      )}
      {move.error && (
        <Failure error={move.error} zone={place.time_zone}>
          <Alternatives items={others} zone={place.time_zone} onTake={({ period: other }) => move.mutate(other.start)} />
        </Failure>
      )}
      <button
        type="button"
        className="btn main"
        disabled={!period || move.isPending}
        onClick={() => period && move.mutate(period.start)}
      >
        {period ? t("move.to", { when: dayAndClock(period.start, place.time_zone) }) : t("book.choose")}
      </button>
    </Pop>
  );
}
