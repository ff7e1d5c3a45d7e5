import { type CSSProperties, type ReactNode, useEffect, useRef } from "react";
import { Bolt } from "../parts/icons";
import "../styles/ticket.css";
import { t } from "../texts";
import { clock, day, kw, minutes, money, zoneNote } from "../texts/format";

export type TicketProps = {
  pill: string;
  aside?: ReactNode;
  start: string;
  end: string;
  zone: string;
  name: ReactNode;
  address?: string;
  trip?: { drive: number; wait: number; charge: number };
  facts: { label: string; value: string }[];
  reason?: string;
  isGone?: boolean;
  focus?: boolean;
  children: ReactNode;
};

const SEGMENTS = ["drive", "wait", "charge"] as const;

/** A slot as a ticket: when, where, the way there on one ribbon, what it costs at most, and what to do. */
export function Ticket({
  pill,
  aside,
  start,
  end,
  zone,
  name,
  address,
  trip,
  facts,
  reason,
  isGone,
  focus,
  children,
}: TicketProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus({ preventScroll: true });
  }, [focus]);
  const note = zoneNote(start, zone);
  return (
    <article className={`ticket rise ${isGone ? "gone" : ""}`} aria-labelledby="ticket-name">
      <div className="top">
        <div className="state">
          <span className="pill">{pill}</span>
          {aside}
        </div>
        <p className="when num">
          <span className="big">{clock(start, zone)}</span>
          <span className="to">
            <small>{note ? t("ticket.dayZone", { day: day(start, zone), zone: note }) : day(start, zone)}</small>
            {t("ticket.to", { time: clock(end, zone) })}
          </span>
        </p>
        <div>
          <h2 id="ticket-name" ref={heading} tabIndex={-1}>
            {name}
          </h2>
          {address && <p className="addr">{address}</p>}
        </div>
        {trip && (
          <div className="ribbon">
            <ol aria-label={t("ticket.trip")}>
              {SEGMENTS.map((kind) => (
                <li key={kind} style={{ "--w": Math.max(trip[kind], 1) } as CSSProperties}>
                  <div className={`seg ${kind}`} />
                  <p className="k num">
                    {t(`ticket.${kind}`)}
                    <b>{minutes(trip[kind])}</b>
                  </p>
                </li>
              ))}
            </ol>
          </div>
        )}
      </div>
      <div className="tear" />
      <div className="stub">
        <dl className="facts num">
          {facts.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {reason && (
          <p className="why">
            <Bolt />
            <span>{reason}</span>
          </p>
        )}
        {children}
      </div>
    </article>
  );
}

/** The figures that every ticket has. */
export const priceFact = (minor: number, currency: string) => ({ label: t("ticket.most"), value: money(minor, currency) });
export const expectedFact = (minor: number, currency: string) => ({
  label: t("ticket.expected"),
  value: money(minor, currency),
});
export const powerFact = (value: number) => ({ label: t("ticket.power"), value: kw(value) });
