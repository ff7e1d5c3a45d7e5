import type { CSSProperties } from "react";
import type { Schema } from "../api/client";
import { kindOfStatus, StateGlyph } from "../parts/states";
import { t, word } from "../texts";
import { clock, kwh, money } from "../texts/format";
import { placeOf } from "./lanes";

type Props = { calendar: Schema<"LocationCalendar">; begin: number; end: number; hours: number[]; name?: string };

const at = (place: { start: number; width: number }): CSSProperties => ({
  insetInlineStart: `${place.start}%`,
  inlineSize: `calc(${place.width}% - 3px)`,
});

/** Every charger's lane: booked, charging, closed, and now. */
export function Lanes({ calendar, begin, end, hours, name }: Props) {
  const zone = calendar.time_zone;
  const now = placeOf({ start: new Date().toISOString(), end: new Date(Date.now() + 60_000).toISOString() }, begin, end);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, so the keyboard must reach it
    <section className="lanes" tabIndex={0} aria-label={name ? t("host.lanesOf", { name }) : t("host.lanes")}>
      <div className="lanes-grid" style={{ "--n": hours.length } as CSSProperties}>
        <div className="hours num" aria-hidden="true">
          {hours.map((hour) => (
            <span key={hour}>{clock(hour, zone)}</span>
          ))}
        </div>
        {calendar.evses.map((evse) => (
          <Lane key={evse.evse_id} evse={evse} begin={begin} end={end} zone={zone} now={now?.start ?? null} />
        ))}
      </div>
    </section>
  );
}

function Lane({
  evse,
  begin,
  end,
  zone,
  now,
}: {
  evse: Schema<"EvseCalendar">;
  begin: number;
  end: number;
  zone: string;
  now: number | null;
}) {
  const kind = kindOfStatus(evse.status);
  return (
    <>
      <div className="lane-name num">
        {evse.evse_uid.split("*").at(-1)}
        <small className={kind}>
          <StateGlyph kind={kind} />
          {word("status", evse.status)}
        </small>
      </div>
      <ul className="lane num" aria-label={evse.evse_uid}>
        {evse.closed.map((closed) => {
          const place = placeOf(closed, begin, end);
          if (!place) return null;
          const why = closed.reason ?? word("closed", closed.why.toUpperCase());
          return (
            <li key={closed.start} className="closed" style={at(place)}>
              <span className="plate">
                {why}
                <small>{t("host.span", { from: clock(closed.start, zone), to: clock(closed.end, zone) })}</small>
              </span>
            </li>
          );
        })}
        {evse.bookings.map((booking) => {
          const place = placeOf(booking.period, begin, end);
          if (!place) return null;
          const start = clock(booking.period.start, zone);
          const spoken = t("host.spoken", {
            from: start,
            to: clock(booking.period.end, zone),
            energy: kwh(booking.energy_kwh),
            price: money(booking.quoted_minor, booking.currency),
          });
          return (
            <li key={booking.id} className={booking.session ? "live" : ""} style={at(place)} title={spoken}>
              <span className="vh">{spoken}</span>
              <span className="narrow" aria-hidden="true">
                {start.slice(0, 2)}
                <br />
                {start.slice(3)}
              </span>
              <span className="roomy" aria-hidden="true">
                {start}
                <small>{kwh(booking.energy_kwh)}</small>
              </span>
            </li>
          );
        })}
        {now !== null && <li className="now" aria-hidden="true" style={{ insetInlineStart: `${now}%` }} />}
      </ul>
    </>
  );
}
