import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, ok, Problem, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { useConfig, vehiclesQuery } from "../api/queries";
import { useSession } from "../api/session";
import { Choice } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t, word } from "../texts";
import { clock, dayAndClock, kw, minutes, money } from "../texts/format";
import { Alternatives } from "./alternatives";
import { costlySentences, quoteQuery } from "./terms";
import { TimeGrid } from "./time-grid";
import { Wait } from "./wait";
import { keptWish } from "./wish";

type Place = Schema<"LocationOut">;
const LENGTHS = [10, 15, 30, 45, 60, 90, 120, 180, 240, 360, 480];
const USUAL_MINUTES = 60;
const HERE_KM = 0.3;

export function BookHere({ place }: { place: Place }) {
  const navigate = useNavigate();
  const state = useSession();
  const config = useConfig();
  const terms = place.booking_terms;
  const lengths = LENGTHS.filter(
    (length) => length >= (terms.min_booking_minutes ?? 15) && length <= (terms.max_booking_minutes ?? 1440),
  );
  const [poolIndex, setPool] = useState(0);
  const [length, setLength] = useState(lengths.includes(USUAL_MINUTES) ? USUAL_MINUTES : (lengths[0] ?? USUAL_MINUTES));
  const [at, setAt] = useState<number | null>(null);
  const vehicles = useQuery({ ...vehiclesQuery, enabled: state === "in" });
  const pool = place.pools[poolIndex];
  const vehicle =
    vehicles.data?.find((car) => pool && (car.standards.includes(pool.connector) || car.connectors.includes(pool.connector))) ??
    vehicles.data?.[0];
  // biome-ignore lint/correctness/useExhaustiveDependencies: a time is chosen for a pool and a length
  useEffect(() => setAt(null), [poolIndex, length]);
  const period = at === null ? null : { start: new Date(at).toISOString(), end: new Date(at + length * 60_000).toISOString() };
  const quote = useQuery({
    ...quoteQuery(
      {
        location_id: place.id,
        connector: pool?.connector ?? "",
        power_class: pool?.power_class ?? "",
        start: period?.start ?? "",
        end: period?.end ?? "",
      },
      { max_power_kw: vehicle?.max_power_kw },
    ),
    enabled: period !== null,
  });
  const book = usePress({
    name: "book",
    isKept: true,
    send: (body: Schema<"BookingCreate">, key) =>
      ok(api.POST("/api/v1/booking/bookings", { body, headers: { "Idempotency-Key": key } })),
    done: ({ id }) => navigate({ to: "/bookings/$id", params: { id } }),
    stale: ["bookings", "availability"],
  });
  const others = book.error instanceof Problem ? (book.error.body.alternatives ?? []) : [];
  function take(start: string) {
    if (state !== "in") return void navigate({ to: "/sign-in", search: { next: `/places/${place.id}` } });
    book.mutate({
      location_id: place.id,
      connector: pool!.connector,
      power_class: pool!.power_class,
      start,
      duration_minutes: length,
      vehicle_id: vehicle?.id ?? null,
    });
  }
  if (!pool) return <section className="panel">{t("book.noPools")}</section>;
  return (
    <section className="panel" aria-labelledby="book">
      <h2 id="book">{t("book.title")}</h2>
      <div className="pair">
        {place.pools.length > 1 && (
          <Choice label={t("book.plug")} value={poolIndex} onChange={(event) => setPool(Number(event.target.value))}>
            {place.pools.map((known, index) => (
              <option key={known.connector + known.power_class} value={index}>
                {t("place.plug", { plug: word("plug", known.connector), power: kw(known.power_kw) })}
              </option>
            ))}
          </Choice>
        )}
        <Choice label={t("book.length")} value={length} onChange={(event) => setLength(Number(event.target.value))}>
          {lengths.map((value) => (
            <option key={value} value={value}>
              {minutes(value)}
            </option>
          ))}
        </Choice>
      </div>
      <TimeGrid
        key={config?.limits.booking_horizon_days}
        place={place}
        pool={pool}
        length={length}
        value={at}
        onChange={setAt}
        whenFull={(begin) => (
          <Wait
            wish={{ ...keptWish(), vehicle: vehicle?.id ?? null }}
            from={{ lat: place.latitude, lon: place.longitude }}
            zone={place.time_zone}
            begin={begin}
            words={t("wait.here")}
            radiusKm={HERE_KM}
          />
        )}
      />
      {period && quote.data && (
        <div className="notice good" role="status">
          <b>
            {t("book.quote", {
              when: dayAndClock(period.start, place.time_zone),
              until: clock(period.end, place.time_zone),
              price: money(quote.data.total_minor, quote.data.currency),
            })}
          </b>
          <p className="fine">
            {costlySentences({
              period,
              zone: place.time_zone,
              terms,
              fees: quote.data.fees,
              currency: quote.data.currency,
            }).join(" ")}
          </p>
        </div>
      )}
      {period && quote.error && <Failure error={quote.error} zone={place.time_zone} />}
      {book.error && (
        <Failure error={book.error} zone={place.time_zone}>
          <Alternatives
            items={others}
            zone={place.time_zone}
            onTake={(other) =>
              book.mutate({
                location_id: other.location_id,
                connector: other.connector,
                start: other.period.start,
                duration_minutes: length,
                vehicle_id: vehicle?.id ?? null,
              })
            }
          />
        </Failure>
      )}
      <button
        type="button"
        className="btn main wide"
        disabled={!period || book.isPending}
        onClick={() => period && take(period.start)}
      >
        {book.isPending
          ? t("slot.booking")
          : period
            ? t("book.this", { time: clock(period.start, place.time_zone) })
            : t("book.choose")}
      </button>
    </section>
  );
}
