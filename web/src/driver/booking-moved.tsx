import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { clock, money } from "../texts/format";

type Booking = Schema<"Booking">;

/** A charger that failed: what it means for this booking, where it went, and the way out of a move. */
export function Moved({ booking, zone }: { booking: Booking; zone: string }) {
  const { reservation_status: status, rebooked_from, rebooked_to } = booking;
  const isStanding = status === "RESERVED" || status === "PENDING";
  if (rebooked_to)
    return (
      <div className="notice warn" role="status">
        <p>{t("moved.away")}</p>
        <Link to="/bookings/$id" params={{ id: rebooked_to }} className="btn small">
          {t("moved.see")}
        </Link>
      </div>
    );
  if (isStanding && booking.assurance === "AT_RISK")
    return (
      <div className="notice bad" role="status">
        <b>{t("risk.title")}</b>
        <p>{t("risk.lead")}</p>
      </div>
    );
  if (isStanding && rebooked_from) return <Arrived booking={booking} zone={zone} />;
  return null;
}

function Arrived({ booking, zone }: { booking: Booking; zone: string }) {
  const queries = useQueryClient();
  const decline = usePress({
    name: `decline:${booking.id}`,
    isKept: true,
    stale: ["bookings", "inbox"],
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/booking/bookings/{booking_id}/decline-move", {
          params: { path: { booking_id: booking.id } },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: (ended) => queries.setQueryData(["bookings", booking.id], ended),
  });
  const until = booking.decline_until;
  const canDecline = until !== null && Date.parse(until) > Date.now() && !booking.session;
  return (
    <div className="notice warn" role="status">
      <b>{t("moved.title")}</b>
      {booking.price_cap_minor !== null && (
        <p>{t("moved.cap", { price: money(booking.price_cap_minor, booking.quote.currency) })}</p>
      )}
      {canDecline && (
        <>
          <p>{t("moved.until", { time: clock(until, zone) })}</p>
          <Pop title={t("moved.decline")} trigger={t("moved.decline")} triggerClass="btn small">
            <p>{t("moved.declineLead")}</p>
            {decline.error && <Failure error={decline.error} zone={zone} />}
            <button type="button" className="btn bad" disabled={decline.isPending} onClick={() => decline.mutate(null)}>
              {t("moved.decline")}
            </button>
          </Pop>
        </>
      )}
    </div>
  );
}
