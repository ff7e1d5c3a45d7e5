import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { Chips } from "../parts/controls";
import { Empty, Failure, Loading } from "../parts/notices";
import "../styles/place.css";
import { t } from "../texts";
import { clock, day, zoneNote } from "../texts/format";
import { addDays, startOfDay } from "../texts/zones";
import { startsOf } from "./starts";

type Place = Schema<"LocationOut">;
const SHOWN_DAYS = 7;
const QUARTER_MS = 900_000;

/** When the place is free for a length, a day at a time. */
export function useStarts(place: Place, pool: Schema<"PoolOut"> | undefined, midnight: Date, length: number) {
  const end = addDays(midnight, 1, place.time_zone);
  const query = useQuery({
    queryKey: ["availability", place.id, pool?.connector, midnight.toISOString()],
    enabled: pool !== undefined,
    refetchInterval: 60_000,
    queryFn: () =>
      ok(
        api.GET("/api/v1/stations/locations/{location_id}/availability", {
          params: {
            path: { location_id: place.id },
            query: {
              from: new Date(Math.max(midnight.getTime(), Date.now())).toISOString(),
              to: new Date(end.getTime() + length * 60_000).toISOString(),
              connector: pool!.connector as Schema<"ConnectorType">,
            },
          },
        }),
      ),
  });
  const calendar = query.data?.calendars.find(
    (found) => found.connector === pool?.connector && found.power_class === pool?.power_class,
  );
  const from = Math.max(midnight.getTime(), Date.now() + (place.booking_terms.min_lead_minutes ?? 0) * 60_000);
  return { query, starts: calendar ? startsOf(calendar, { from, before: end.getTime(), minutes: length }) : [] };
}

/** A strip of days and a grid of the times at which a length can begin. */
export function TimeGrid({
  place,
  pool,
  length,
  value,
  onChange,
  whenFull,
}: {
  place: Place;
  pool: Schema<"PoolOut"> | undefined;
  length: number;
  value: number | null;
  onChange: (at: number | null) => void;
  /** What is offered where a day has nothing free, from an instant on. */
  whenFull?: (begin: number) => ReactNode;
}) {
  const zone = place.time_zone;
  const [offset, setOffset] = useState(0);
  const today = startOfDay(Date.now(), zone);
  const midnight = addDays(today, offset, zone);
  const { query, starts } = useStarts(place, pool, midnight, length);
  const days = Array.from(
    { length: Math.min(SHOWN_DAYS, (place.booking_terms.booking_horizon_days ?? SHOWN_DAYS) + 1) },
    (_, index) => {
      const at = addDays(today, index, zone);
      const [name, ...rest] = day(at, zone).split(" ");
      return {
        value: String(index),
        name: day(at, zone),
        label: (
          <>
            {name}
            <b>{rest[0]}</b>
            {rest.slice(1).join(" ")}
          </>
        ),
      };
    },
  );
  const note = zoneNote(midnight, zone);
  return (
    <>
      <Chips
        legend={t("book.day")}
        look="days"
        items={days}
        value={String(offset)}
        onChange={(next) => {
          setOffset(Number(next));
          onChange(null);
        }}
      />
      {query.isLoading && <Loading label={t("book.loading")} rows={2} />}
      {query.error && <Failure error={query.error} again={() => void query.refetch()} />}
      {query.isSuccess && starts.length === 0 && (
        <Empty>
          <p>{t("book.noTimes")}</p>
          {whenFull?.(Math.max(midnight.getTime(), Math.ceil(Date.now() / QUARTER_MS) * QUARTER_MS))}
        </Empty>
      )}
      {starts.length > 0 && (
        <Chips
          legend={note ? t("book.timesIn", { zone: note }) : t("book.times")}
          look="slots"
          items={starts.map(({ at, free }) => ({
            value: String(at),
            name: t("book.timeName", { time: clock(at, zone), free }),
            label: (
              <>
                <span className="num">{clock(at, zone)}</span>
                <small>{t("book.free", { free })}</small>
              </>
            ),
          }))}
          value={value === null ? null : String(value)}
          onChange={(next) => onChange(Number(next))}
        />
      )}
    </>
  );
}
