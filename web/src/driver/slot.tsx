import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { placeQuery, requestQuery } from "../api/queries";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { clock, deviceZone, km, kw, money, percent } from "../texts/format";
import { Held, useSecondsUntil } from "./countdown";
import { measuresOf, nearestOf } from "./decision";
import { differences, joined } from "./differences";
import { Nothing } from "./nothing";
import { useScene } from "./scene";
import { OptionTerms, quoteQuery } from "./terms";
import { expectedFact, powerFact, priceFact, Ticket } from "./ticket";
import { Why } from "./why";

type Request = NonNullable<ReturnType<typeof useRequest>["data"]>;
type Option = Schema<"Option">;
const FIRST_POLL_MS = 400;
const LAST_POLL_MS = 2000;
const SHOWN_OTHERS = 5;

/** The request until it is decided: asked every 400 ms at first, every 2 s later. */
function useRequest(id: string) {
  return useQuery({
    ...requestQuery(id),
    refetchInterval: ({ state }) =>
      state.data && state.data.status !== "QUEUED"
        ? false
        : Math.min(LAST_POLL_MS, FIRST_POLL_MS * 1.3 ** state.dataUpdateCount),
  });
}

const decisionQuery = (id: string, isDecided: boolean) => ({
  queryKey: ["decision", id],
  enabled: isDecided,
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: () =>
    ok(api.GET("/api/v1/optimizer/charge-requests/{request_id}/decision", { params: { path: { request_id: id } } })),
});

export default function Slot() {
  const { request: id } = useParams({ from: "/near/slots/$request" });
  const request = useRequest(id);
  const found = request.data;
  if (request.error && !found) return <Failure error={request.error} again={() => void request.refetch()} />;
  if (!found || found.status === "QUEUED")
    return (
      <>
        <Title text={t("slot.looking")} />
        <Loading label={t("slot.looking")} rows={4} />
      </>
    );
  const offers = found.offers.length > 0 ? found.offers : (found.decision?.offers ?? []);
  if (offers.length === 0 || !["OFFERED", "RESERVED", "FULFILLED", "EXPIRED"].includes(found.status))
    return <Nothing request={found} />;
  return <Answer key={found.id} request={found} offers={offers} />;
}

function Answer({ request, offers }: { request: Request; offers: Option[] }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [index, setIndex] = useState(0);
  const option = offers[index] ?? offers[0]!;
  const isBooked = request.status === "RESERVED" || request.status === "FULFILLED";
  const seconds = useSecondsUntil(request.status === "OFFERED" ? request.offer_expires_at : null);
  const isGone = !isBooked && (request.status === "EXPIRED" || (request.status === "OFFERED" && seconds === 0));
  const decision = useQuery(decisionQuery(request.id, true));
  const shown = useMemo(
    () => [option, ...(isBooked ? [] : offers.slice(0, SHOWN_OTHERS).filter((other) => other !== option))],
    [option, offers, isBooked],
  );
  const scene = useMemo(
    () => ({
      offers: shown,
      onPick: (place: string) => {
        const picked = offers.findIndex(({ location_id }) => location_id === place);
        if (picked >= 0 && !isBooked) setIndex(picked);
        else void navigate({ to: "/places/$id", params: { id: place } });
      },
    }),
    [shown, offers, isBooked, navigate],
  );
  useScene(scene);
  const take = usePress({
    name: `accept:${request.id}`,
    isKept: true,
    send: (offer: number, key) =>
      ok(
        api.POST("/api/v1/optimizer/charge-requests/{request_id}/accept", {
          params: { path: { request_id: request.id } },
          body: { offer },
          headers: { "Idempotency-Key": key },
        }),
      ),
    done: (answer) => queries.setQueryData(["request", request.id], answer),
    stale: ["bookings", "inbox"],
  });
  const place = useQuery(placeQuery(option.location_id));
  const zone = place.data?.time_zone ?? deviceZone();
  const needs = request.wish;
  const quote = useQuery(quoteQuery(option, needs));
  const nearest = decision.data && nearestOf(decision.data);
  const reason = nearest ? reasonOf(option, nearest) : undefined;
  const booked = isBooked && request.booking_id;
  useEffect(() => {
    if (isGone) void queries.invalidateQueries({ queryKey: ["request", request.id] });
  }, [isGone, queries, request.id]);
  const facts = [
    {
      label: t("ticket.battery"),
      value: t("ticket.fromTo", {
        from: percent(needs.soc),
        to: percent(Math.min(1, needs.soc + needs.energy_kwh / needs.battery_kwh)),
      }),
    },
    expectedFact(option.price_minor, option.currency),
    ...(quote.data ? [priceFact(quote.data.total_minor, quote.data.currency)] : []),
    powerFact(option.power_kw),
  ];
  const pill = booked ? t("slot.booked") : index === 0 ? t("slot.best") : t("slot.other");
  return (
    <>
      <Title isHidden text={t("slot.title")} />
      <Ticket
        key={index}
        focus
        pill={pill}
        aside={!booked && index === 0 ? <Held seconds={seconds} /> : undefined}
        start={option.start}
        end={option.end}
        zone={zone}
        name={option.location_name}
        address={t("ticket.away", { distance: km(option.distance_km), address: option.address })}
        trip={{ drive: option.travel_minutes, wait: option.wait_minutes, charge: option.duration_minutes }}
        facts={facts}
        reason={reason}
        isGone={isGone}
      >
        {take.error && <Failure error={take.error} zone={zone} />}
        <div className="acts">
          {booked ? (
            <Link className="btn volt" to="/bookings/$id" params={{ id: booked }}>
              {t("slot.see")}
            </Link>
          ) : isGone ? (
            <Link className="btn volt" to="/">
              {t("slot.askAgain")}
            </Link>
          ) : (
            <button type="button" className="btn volt" disabled={take.isPending} onClick={() => take.mutate(index)}>
              {take.isPending ? t("slot.booking") : t("slot.book")}
            </button>
          )}
          <Why option={option} decision={decision.data} />
        </div>
        <OptionTerms option={option} quote={quote.data} place={place.data} />
      </Ticket>
      {!booked && !isGone && offers.length > 1 && (
        <Others offers={offers.slice(0, SHOWN_OTHERS)} chosen={index} zone={zone} onChoose={setIndex} />
      )}
      {!booked && !isGone && (
        <Link className="btn" to="/">
          <Icon name="back" />
          {t("slot.change")}
        </Link>
      )}
    </>
  );
}

function reasonOf(option: Option, nearest: NonNullable<ReturnType<typeof nearestOf>>): string {
  const phrases = differences(measuresOf(option), nearest, option.currency);
  return phrases.length === 0 || nearest.name === option.location_name
    ? t("slot.isNearest")
    : t("slot.because", { nearest: nearest.name, differences: joined(phrases) });
}

/** The other possibilities, by how they differ from the one shown. */
function Others({
  offers,
  chosen,
  zone,
  onChoose,
}: {
  offers: Option[];
  chosen: number;
  zone: string;
  onChoose: (index: number) => void;
}) {
  const best = offers[chosen] ?? offers[0]!;
  return (
    <section className="alts" aria-labelledby="others">
      <h2 id="others">{t("slot.others")}</h2>
      <ul className="cards">
        {offers.map((option, index) => {
          if (index === chosen) return null;
          const phrases = differences(measuresOf(option), measuresOf(best), option.currency);
          return (
            <li key={option.location_id + option.start}>
              <button type="button" className="card timed num" onClick={() => onChoose(index)}>
                <span className="t">{clock(option.start, zone)}</span>
                <span>
                  <span className="n">{option.location_name}</span>
                  <span className="d">{phrases.length > 0 ? joined(phrases) : t("diff.none")}</span>
                </span>
                <span className="p">
                  {t("price.about", { price: money(option.price_minor, option.currency) })}
                  <small>{kw(option.power_kw)}</small>
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
