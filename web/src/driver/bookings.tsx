import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { api, Offline, ok, type Schema } from "../api/client";
import { keepBookings } from "../api/kept";
import { placeQuery } from "../api/queries";
import { Chips } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, day, deviceZone, kw, money } from "../texts/format";
import { SHOWS, type Show } from "./bookings-search";
import { Kept } from "./kept";
import { powerFact, priceFact, Ticket } from "./ticket";

type Booking = Schema<"Booking">;
const isComing = ({ reservation_status, period }: Booking) =>
  ["RESERVED", "PENDING", "FULFILLED"].includes(reservation_status) && Date.parse(period.end) > Date.now();

/** The driver's bookings: the next one as a ticket, then the rest by time. */
export default function Bookings() {
  const { show = "all" }: { show?: Show } = useSearch({ from: "/bookings" });
  const navigate = useNavigate();
  const bookings = useInfiniteQuery({
    queryKey: ["bookings", "list", show],
    initialPageParam: undefined as string | undefined,
    refetchInterval: 60_000,
    queryFn: ({ pageParam }) =>
      ok(api.GET("/api/v1/booking/bookings", { params: { query: { limit: 50, cursor: pageParam, status: SHOWS[show] } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (bookings.data?.pages ?? [])
    .flatMap((page) => page.items)
    .toSorted((a, b) => b.period.start.localeCompare(a.period.start));
  const isAway = !bookings.data && (bookings.isPaused || bookings.error instanceof Offline);
  const read = show === "all" ? bookings.data?.pages[0] : undefined;
  useEffect(() => {
    if (read) void keepBookings(read.items, Date.now());
  }, [read]);
  const next = all.filter(isComing).at(-1);
  const rest = all.filter((booking) => booking !== next);
  const items = (Object.keys(SHOWS) as Show[]).map((value) => ({ value, label: t(`bookings.show.${value}`) }));
  return (
    <div className="page narrow">
      <div className="head">
        <Title text={t("bookings.title")} />
        <Link to="/waitlist" className="btn small">
          {t("wait.see")}
        </Link>
      </div>
      <Chips
        legend={t("bookings.show")}
        look="fit"
        items={items}
        value={show}
        onChange={(value) => void navigate({ to: "/bookings", search: value === "all" ? {} : { show: value }, replace: true })}
      />
      {isAway && <Kept />}
      {bookings.error && !isAway && <Failure error={bookings.error} again={() => void bookings.refetch()} />}
      {bookings.isLoading && <Loading label={t("bookings.loading")} />}
      {next && <NextBooking booking={next} />}
      {bookings.isSuccess && all.length === 0 && (
        <Empty>
          <Icon name="bookings" size={40} />
          <p>{t("bookings.none")}</p>
          <Link to="/" className="btn main">
            {t("bookings.ask")}
          </Link>
        </Empty>
      )}
      {rest.length > 0 && (
        <section className="alts" aria-labelledby="rest">
          <h2 id="rest">{t("bookings.others")}</h2>
          <ul className="cards">
            {rest.map((booking) => (
              <li key={booking.id}>
                <BookingCard booking={booking} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {bookings.hasNextPage && (
        <button
          type="button"
          className="btn"
          disabled={bookings.isFetchingNextPage}
          onClick={() => void bookings.fetchNextPage()}
        >
          {t("action.more")}
        </button>
      )}
    </div>
  );
}

function NextBooking({ booking }: { booking: Booking }) {
  const place = useQuery(placeQuery(booking.location_id));
  const zone = place.data?.time_zone ?? deviceZone();
  return (
    <Ticket
      pill={word("booking", booking.reservation_status)}
      start={booking.period.start}
      end={booking.period.end}
      zone={zone}
      name={place.data?.name ?? t("bookings.place")}
      address={place.data?.address}
      facts={[priceFact(booking.quote.total_minor, booking.quote.currency), powerFact(booking.power_kw)]}
    >
      <div className="acts">
        <Link className="btn volt" to="/bookings/$id" params={{ id: booking.id }}>
          {t("bookings.open")}
        </Link>
      </div>
    </Ticket>
  );
}

function BookingCard({ booking }: { booking: Booking }) {
  const place = useQuery(placeQuery(booking.location_id));
  const zone = place.data?.time_zone ?? deviceZone();
  const paid =
    booking.settlement && "total_minor" in booking.settlement ? booking.settlement.total_minor : booking.quote.expected_minor;
  return (
    <Link to="/bookings/$id" params={{ id: booking.id }} className="card timed num">
      <span className="t">{clock(booking.period.start, zone)}</span>
      <span>
        <span className="n">{place.data?.name ?? t("bookings.place")}</span>
        <span className="d">
          {t("bookings.line", { day: day(booking.period.start, zone), status: word("booking", booking.reservation_status) })}
        </span>
      </span>
      <span className="p">
        {money(paid, booking.quote.currency)}
        <small>{kw(booking.power_kw)}</small>
      </span>
    </Link>
  );
}
