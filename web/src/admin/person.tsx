import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, ok } from "../api/client";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, day, deviceZone, money } from "../texts/format";

/** The bookings of one account, newest first. */
export default function PersonBookings() {
  const { id } = useParams({ from: "/admin/people/$id" });
  const person = useQuery({
    queryKey: ["people", "one", id],
    queryFn: () => ok(api.GET("/api/v1/accounts/users/{user_id}", { params: { path: { user_id: id } } })),
  });
  const bookings = useInfiniteQuery({
    queryKey: ["people", "bookings", id],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/api/v1/accounts/users/{user_id}/bookings", {
          params: { path: { user_id: id }, query: { limit: 50, cursor: pageParam } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (bookings.data?.pages ?? []).flatMap((page) => page.items);
  const error = person.error ?? bookings.error;
  return (
    <div className="page narrow">
      <Link to="/admin/people" className="back">
        <Icon name="back" />
        {t("people.title")}
      </Link>
      <Title text={person.data ? t("person.bookings", { name: person.data.name }) : t("people.title")} />
      {error && <Failure error={error} again={() => void bookings.refetch()} />}
      {bookings.isLoading && <Loading label={t("person.loading")} />}
      {bookings.isSuccess && all.length === 0 && <Empty>{t("person.none")}</Empty>}
      <ul className="cards">
        {all.map((booking) => {
          const zone = booking.location?.time_zone ?? deviceZone();
          return (
            <li key={booking.id} className="card timed num">
              <span className="t">{clock(booking.period.start, zone)}</span>
              <span>
                <span className="n">{booking.location?.name ?? t("bookings.place")}</span>
                <span className="d">
                  {t("bookings.line", {
                    day: day(booking.period.start, zone),
                    status: word("booking", booking.reservation_status),
                  })}
                </span>
              </span>
              <span className="p">{money(booking.quote.expected_minor, booking.quote.currency)}</span>
            </li>
          );
        })}
      </ul>
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
