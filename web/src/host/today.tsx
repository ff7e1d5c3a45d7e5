import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Schema } from "../api/client";
import { placeQuery } from "../api/queries";
import { Bars } from "../charts/bars";
import { Choice } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { Tile } from "../parts/tile";
import "../styles/host.css";
import { t } from "../texts";
import { cityOf, clock, day, deviceZone, kwh, minutes, money, number, percent } from "../texts/format";
import { addDays, startOfDay } from "../texts/zones";
import { Block } from "./block";
import { Everywhere } from "./everywhere";
import { bookedByHour } from "./lanes";
import { Lanes } from "./lanes-view";
import { calendarQuery, myPlacesQuery } from "./queries";
import { EVERYWHERE } from "./search";

const HOUR = 3_600_000;
const SHOWN_HOURS = 13;
const SHOWN_NEXT = 6;

/** The owner's day at one of their places: figures, every charger's lane, when it is busy, who comes next. */
export default function Today() {
  const { place: wanted, day: offset = 0 } = useSearch({ from: "/host" }) as { place?: string; day?: number };
  const navigate = useNavigate();
  const places = useQuery(myPlacesQuery);
  const isAll = wanted === EVERYWHERE;
  const chosen = isAll ? undefined : wanted;
  const id = chosen ?? places.data?.find(({ status }) => status === "APPROVED")?.id ?? places.data?.[0]?.id;
  const place = useQuery({ ...placeQuery(id ?? ""), enabled: id !== undefined });
  const zone = place.data?.time_zone ?? deviceZone();
  const now = Date.now();
  const begin =
    offset === 0 ? Math.floor(now / HOUR) * HOUR - HOUR : addDays(startOfDay(now, zone), offset, zone).getTime() + 6 * HOUR;
  const end = begin + SHOWN_HOURS * HOUR;
  const calendar = useQuery(calendarQuery(isAll ? undefined : place.data && id, begin, end));
  const go = (search: { place?: string; day?: number }) =>
    void navigate({ to: "/host", search: { place: isAll ? EVERYWHERE : id, day: offset, ...search }, replace: true });
  const error = places.error ?? place.error ?? calendar.error;
  if (places.data?.length === 0)
    return (
      <div className="page narrow">
        <Title text={t("host.title")} />
        <Empty>
          <Icon name="host" size={40} />
          <p>{t("host.none")}</p>
        </Empty>
      </div>
    );
  return (
    <div className="page">
      <div className="head">
        <div>
          <Title
            text={
              isAll
                ? t("host.dayEverywhere", { day: day(begin, zone) })
                : place.data
                  ? t("host.dayAt", { day: day(begin, zone), name: place.data.name })
                  : t("host.title")
            }
          />
          {place.data && !isAll && <p>{t("host.where", { address: place.data.address, zone: cityOf(zone) })}</p>}
        </div>
        <div className="acts">
          <Choice
            label={t("host.place")}
            value={isAll ? EVERYWHERE : id}
            onChange={(event) => go({ place: event.target.value })}
          >
            <option value={EVERYWHERE}>{t("host.everywhere")}</option>
            {places.data?.map(({ id: key, name }) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </Choice>
          {place.data && !isAll && <Block place={place.data} />}
        </div>
      </div>
      <div className="acts">
        <button type="button" className="btn small" disabled={offset <= 0} onClick={() => go({ day: offset - 1 })}>
          {t("host.before")}
        </button>
        <button type="button" className="btn small" onClick={() => go({ day: offset + 1 })}>
          {t("host.after")}
        </button>
      </div>
      {error && <Failure error={error} again={() => void calendar.refetch()} />}
      {isAll && places.data && (
        <Everywhere begin={begin} hours={SHOWN_HOURS} names={new Map(places.data.map(({ id: key, name }) => [key, name]))} />
      )}
      {!isAll && !calendar.data && !error && <Loading label={t("host.loading")} rows={4} />}
      {calendar.data && <Day calendar={calendar.data} begin={begin} end={end} />}
    </div>
  );
}

function Day({ calendar, begin, end }: { calendar: Schema<"LocationCalendar">; begin: number; end: number }) {
  const zone = calendar.time_zone;
  const hours = Array.from({ length: SHOWN_HOURS }, (_, index) => begin + index * HOUR);
  const booked = calendar.evses
    .flatMap((evse) => evse.bookings)
    .toSorted((a, b) => a.period.start.localeCompare(b.period.start));
  const next = booked.filter(({ period }) => Date.parse(period.start) >= Date.now());
  const byHour = bookedByHour(
    booked.map(({ period }) => period),
    hours,
  );
  const sum = byHour.reduce((total, value) => total + value, 0);
  const possible = calendar.evses.length * SHOWN_HOURS;
  const busiest = hours[byHour.indexOf(Math.max(...byHour))] ?? begin;
  const currency = booked[0]?.currency ?? "EUR";
  const isSilent = calendar.evses.length > 0 && calendar.evses.every(({ status }) => status === "UNKNOWN");
  return (
    <>
      {isSilent && (
        <p className="notice bad" role="status">
          {t("host.silent")}
        </p>
      )}
      <dl className="tiles4 num">
        <Tile
          isFirst
          label={t("host.booked")}
          value={t("host.hours", { value: number(sum, 1) })}
          more={t("host.ofHours", { share: percent(possible ? sum / possible : 0), hours: possible })}
        />
        <Tile
          label={t("host.quoted")}
          value={money(
            booked.reduce((total, { quoted_minor }) => total + quoted_minor, 0),
            currency,
          )}
          more={t("host.bookings", { count: booked.length })}
        />
        <Tile
          label={t("host.next")}
          value={next[0] ? clock(next[0].period.start, zone) : t("host.nobody")}
          more={next[0] ? kwh(next[0].energy_kwh) : ""}
        />
        <Tile label={t("host.frozen")} value={minutes(calendar.frozen_minutes)} more={t("host.frozenMore")} />
      </dl>
      <section className="panel" aria-labelledby="lanes">
        <header>
          <h2 id="lanes">{t("host.chargers")}</h2>
          <div className="key">
            {(["booked", "live", "closed"] as const).map((kind) => (
              <span key={kind}>
                <i className={kind} />
                {t(`host.key.${kind}`)}
              </span>
            ))}
          </div>
        </header>
        <Lanes calendar={calendar} begin={begin} end={end} hours={hours} />
      </section>
      <div className="two">
        <Bars
          title={t("host.busy")}
          finding={sum > 0 ? t("host.busiest", { time: clock(busiest, zone) }) : t("host.quiet")}
          bars={hours.map((at, index) => ({ label: clock(at, zone), value: byHour[index] ?? 0 }))}
          most={calendar.evses.length}
          unit={t("host.chargerHours")}
        />
        <section className="panel" aria-labelledby="arrivals">
          <h2 id="arrivals">{t("host.arrivals")}</h2>
          {next.length === 0 && <Empty>{t("host.noArrivals")}</Empty>}
          <ul className="rows num">
            {next.slice(0, SHOWN_NEXT).map((booking) => (
              <li key={booking.id}>
                <span>
                  <b>{t("host.arrival", { time: clock(booking.period.start, zone), charger: booking.evse_uid })}</b>
                  <small>
                    {t(booking.movable ? "host.movable" : "host.fixed", { until: clock(booking.period.end, zone) })}
                  </small>
                </span>
                <span>{money(booking.quoted_minor, booking.currency)}</span>
              </li>
            ))}
          </ul>
          <Link to="/host/places">{t("host.toPlaces")}</Link>
        </section>
      </div>
    </>
  );
}
