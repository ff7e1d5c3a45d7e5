import type { Schema } from "../api/client";
import { t, word } from "../texts";
import { dayAndClock, kwh, minutes, money } from "../texts/format";
import { freeUntil, movableUntil } from "./leaving";

type Booking = Schema<"Booking">;
type Step = { at: string | Date; text: string };

/** What happens with the booking, in order: what was is quiet, what comes is not. */
export function Life({ booking, zone }: { booking: Booking; zone: string }) {
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
    if (canceled.credit_minor)
      steps.push({
        at: booking.last_updated,
        text: t("life.credit", { credit: money(canceled.credit_minor, booking.quote.currency) }),
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

/** What was charged, by its parts. */
export function Receipt({ settlement }: { settlement: Schema<"SessionSettlement"> }) {
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
