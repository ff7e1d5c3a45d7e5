import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { dayAndClock, money } from "../texts/format";

type Payment = NonNullable<Schema<"Booking">["payment"]>;

/** What is shown of a payment that waits for nobody. */
function said({ state, amount_minor, currency, authorise_at, method }: Payment, zone: string): string {
  const facts = { amount: money(amount_minor, currency), card: method ?? t("pay.card") };
  if (state === "PLANNED" && authorise_at) return t("pay.planned", { ...facts, at: dayAndClock(authorise_at, zone) });
  if (state === "HELD") return t("pay.held", facts);
  if (state === "CAPTURED") return t("pay.captured", facts);
  if (state === "RELEASED") return t("pay.released");
  return "";
}

/** What a booking takes of its driver's money, and the way to the provider's page where it waits for them. */
export function Pay({ id, payment, zone, isOver }: { id: string; payment: Payment; zone: string; isOver: boolean }) {
  const pay = usePress({
    name: `pay:${id}`,
    stale: ["bookings"],
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/payments/bookings/{booking_id}/pay", {
          params: { path: { booking_id: id } },
          body: { return_url: `/bookings/${id}` },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: (paying) => {
      if (paying.pay_url) location.assign(paying.pay_url);
    },
  });
  const { state, mend_until: until } = payment;
  const amount = money(payment.amount_minor, payment.currency);
  const isOwed = state === "OWED";
  const waits = isOwed || (!isOver && (state === "NEEDED" || state === "ACTION_NEEDED"));
  if (!waits) {
    const words = said(payment, zone);
    return words ? <p className="fine">{words}</p> : null;
  }
  return (
    <section className="panel" aria-labelledby="pay">
      <h2 id="pay">{isOwed ? t("pay.owedTitle", { amount }) : t("pay.title", { amount })}</h2>
      {!isOwed && (
        <p>
          {state === "ACTION_NEEDED" && `${t("pay.declined")} `}
          {until ? t("pay.until", { until: dayAndClock(until, zone) }) : t("pay.onlyUsed")}
        </p>
      )}
      <div className="acts">
        <button type="button" className="btn main" disabled={pay.isPending} onClick={() => pay.mutate(null)}>
          {t("pay.go", { amount })}
        </button>
      </div>
      {pay.error && <Failure error={pay.error} zone={zone} />}
    </section>
  );
}
