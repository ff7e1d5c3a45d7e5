import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { bookingQuery, placeQuery } from "../api/queries";
import { Pop } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, dayAndClock, deviceZone, kwh } from "../texts/format";
import { Held, useSecondsUntil } from "./countdown";
import { costlySentences } from "./terms";
import { powerFact, priceFact, Ticket } from "./ticket";

/** An entry as it is shown: of its wish, how much. */
type Entry = Omit<Schema<"WaitlistEntry">, "wish"> & { wish: { energy_kwh: number; battery_kwh: number } };
const isOpen = ({ state }: Entry) => state === "WAITING" || state === "OFFERED";

/** What this driver waits for: an offer as a ticket on top, then who waits and what is over. */
export default function Waitlist() {
  const entries = useInfiniteQuery({
    queryKey: ["waitlist"],
    initialPageParam: undefined as string | undefined,
    refetchInterval: 10_000,
    queryFn: ({ pageParam }) => ok(api.GET("/api/v1/waitlist", { params: { query: { limit: 20, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (entries.data?.pages ?? []).flatMap((page) => page.items);
  const waiting = all.filter((entry) => isOpen(entry) && !entry.offer);
  const over = all.filter((entry) => !isOpen(entry));
  return (
    <div className="page narrow">
      <Title text={t("wait.title")} />
      {entries.error && <Failure error={entries.error} again={() => void entries.refetch()} />}
      {entries.isLoading && <Loading label={t("wait.loading")} />}
      {all.map((entry) => entry.offer && <Offer key={entry.id} entry={entry} held={entry.offer} />)}
      {entries.isSuccess && all.length === 0 && (
        <Empty>
          <Icon name="waiting" size={40} />
          <p>{t("wait.none")}</p>
          <Link to="/" className="btn main">
            {t("bookings.ask")}
          </Link>
        </Empty>
      )}
      {waiting.length > 0 && (
        <section className="alts" aria-labelledby="waiting">
          <h2 id="waiting">{t("wait.open")}</h2>
          <ul className="cards">
            {waiting.map((entry) => (
              <li key={entry.id} className="panel">
                <EntryFacts entry={entry} />
                <Leave entry={entry} />
              </li>
            ))}
          </ul>
          <p className="fine">{t("wait.rule")}</p>
        </section>
      )}
      {over.length > 0 && (
        <section className="alts" aria-labelledby="over">
          <h2 id="over">{t("wait.over")}</h2>
          <ul className="cards">
            {over.map((entry) => (
              <li key={entry.id} className="panel">
                <EntryFacts entry={entry} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {entries.hasNextPage && (
        <button
          type="button"
          className="btn"
          disabled={entries.isFetchingNextPage}
          onClick={() => void entries.fetchNextPage()}
        >
          {t("action.more")}
        </button>
      )}
    </div>
  );
}

function EntryFacts({ entry }: { entry: Entry }) {
  const zone = deviceZone();
  return (
    <>
      <header>
        <h3 className="num">
          {t("wait.window", { from: dayAndClock(entry.window.start, zone), until: dayAndClock(entry.window.end, zone) })}
        </h3>
        <span className="tag">{word("entry", entry.state)}</span>
      </header>
      <p className="quiet num">
        {t("wait.wish", { energy: kwh(entry.wish.energy_kwh), battery: kwh(entry.wish.battery_kwh) })}
      </p>
      {entry.position && <p className="num">{t("wait.position", { position: entry.position })}</p>}
      {entry.snoozed_until && <p className="num">{t("wait.snoozed", { time: clock(entry.snoozed_until, zone) })}</p>}
    </>
  );
}

/** A place that is held now: taken, passed on, or left, within its time. */
function Offer({ entry, held }: { entry: Entry; held: Schema<"HeldPlace"> }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const seconds = useSecondsUntil(held.expires_at);
  const booking = useQuery(bookingQuery(held.booking_id));
  const place = useQuery({ ...placeQuery(booking.data?.location_id ?? ""), enabled: booking.data !== undefined });
  const options = (key: string) => ({
    params: { path: { entry_id: entry.id } },
    headers: { "Idempotency-Key": key },
  });
  const accept = usePress({
    name: `accept:${entry.id}:${held.booking_id}`,
    isKept: true,
    stale: ["waitlist", "bookings", "inbox"],
    send: (_: null, key) => ok(api.POST("/api/v1/waitlist/{entry_id}/accept", options(key))),
    done: (booked) => {
      queries.setQueryData(["bookings", booked.id], booked);
      void navigate({ to: "/bookings/$id", params: { id: booked.id } });
    },
  });
  const snooze = usePress({
    name: `snooze:${entry.id}`,
    stale: ["waitlist"],
    send: (_: null, key) => ok(api.POST("/api/v1/waitlist/{entry_id}/snooze", options(key))),
  });
  useEffect(() => {
    if (seconds === 0) void queries.invalidateQueries({ queryKey: ["waitlist"] });
  }, [seconds, queries]);
  if (booking.error) return <Failure error={booking.error} again={() => void booking.refetch()} />;
  if (!booking.data || !place.data) return <Loading label={t("booking.loading")} />;
  const { period, quote, power_kw } = booking.data;
  const zone = place.data.time_zone;
  const error = accept.error ?? snooze.error;
  return (
    <Ticket
      pill={t("wait.offer")}
      aside={<Held seconds={seconds} />}
      start={period.start}
      end={period.end}
      zone={zone}
      name={place.data.name}
      address={place.data.address}
      isGone={seconds === 0}
      facts={[priceFact(quote.total_minor, quote.currency), powerFact(power_kw)]}
    >
      {error && <Failure error={error} zone={zone} />}
      <div className="acts">
        <button
          type="button"
          className="btn volt"
          disabled={accept.isPending || seconds === 0}
          onClick={() => accept.mutate(null)}
        >
          {t("wait.accept")}
        </button>
        <button type="button" className="btn" disabled={snooze.isPending} onClick={() => snooze.mutate(null)}>
          {t("wait.snooze")}
        </button>
        <Leave entry={entry} />
      </div>
      <p className="fine">{t("wait.snoozeMore")}</p>
      <p className="fine">
        {costlySentences({
          period,
          zone,
          terms: booking.data.terms,
          fees: quote.fees,
          currency: quote.currency,
        }).join(" ")}
      </p>
    </Ticket>
  );
}

function Leave({ entry }: { entry: Entry }) {
  const leave = usePress({
    name: `leave:${entry.id}`,
    stale: ["waitlist"],
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/waitlist/{entry_id}/leave", {
          params: { path: { entry_id: entry.id } },
          headers: { "Idempotency-Key": key },
        }),
      ),
  });
  return (
    <Pop title={t("wait.leave")} trigger={t("wait.leave")} triggerClass={entry.offer ? "btn" : "btn small"}>
      <p>{t("wait.leaveLead")}</p>
      {leave.error && <Failure error={leave.error} />}
      <button type="button" className="btn bad" disabled={leave.isPending} onClick={() => leave.mutate(null)}>
        {t("wait.leave")}
      </button>
    </Pop>
  );
}
