import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Chips, Choice, Pop, TextArea } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, day, deviceZone, kwh, money } from "../texts/format";
import { myPlacesQuery } from "./queries";
import { type HostedSearch, SHOWN, type Shown } from "./search";

type Booking = Schema<"OperatorBooking">;
const REASONS = ["BROKEN_CHARGER", "POWER_OUTAGE", "BLOCKED", "FULL", "UNKNOWN"] as const;

/** What is booked at the owner's places, newest first; what has not begun can be ended by its operator. */
export default function HostedBookings() {
  const { show = "coming", place }: HostedSearch = useSearch({ from: "/host/bookings" });
  const navigate = useNavigate();
  const places = useQuery(myPlacesQuery);
  const names = new Map(places.data?.map(({ id, name }) => [id, name]));
  const bookings = useInfiniteQuery({
    queryKey: ["hosted", show, place],
    initialPageParam: undefined as string | undefined,
    refetchInterval: 60_000,
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/api/v1/booking/hosted", {
          params: { query: { limit: 50, cursor: pageParam, status: SHOWN[show], ...(place && { location_id: place }) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (bookings.data?.pages ?? []).flatMap((page) => page.items);
  const go = (part: HostedSearch) =>
    void navigate({ to: "/host/bookings", search: { show, ...(place && { place }), ...part }, replace: true });
  return (
    <div className="page narrow">
      <Title text={t("hosted.title")} />
      <Chips
        legend={t("bookings.show")}
        look="fit"
        items={(Object.keys(SHOWN) as Shown[]).map((value) => ({ value, label: t(`bookings.show.${value}`) }))}
        value={show}
        onChange={(value) => go({ show: value })}
      />
      <Choice label={t("host.place")} value={place ?? ""} onChange={(event) => go({ place: event.target.value || undefined })}>
        <option value="">{t("hosted.all")}</option>
        {places.data?.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </Choice>
      {bookings.error && <Failure error={bookings.error} again={() => void bookings.refetch()} />}
      {bookings.isLoading && <Loading label={t("hosted.loading")} />}
      {bookings.isSuccess && all.length === 0 && (
        <Empty>
          <Icon name="bookings" size={40} />
          <p>{t("hosted.none")}</p>
        </Empty>
      )}
      <ul className="cards">
        {all.map((booking) => (
          <li key={booking.id}>
            <Hosted booking={booking} place={names.get(booking.location_id) ?? t("bookings.place")} />
          </li>
        ))}
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

function Hosted({ booking, place }: { booking: Booking; place: string }) {
  const zone = deviceZone();
  const settled =
    booking.settlement && "total_minor" in booking.settlement ? booking.settlement.total_minor : booking.quoted_minor;
  const canEnd = booking.reservation_status === "RESERVED" && !booking.session;
  return (
    <div className="card timed num">
      <span className="t">{clock(booking.period.start, zone)}</span>
      <span>
        <span className="n">{t("hosted.line", { place, charger: booking.evse_uid, energy: kwh(booking.energy_kwh) })}</span>
        <span className="d">
          {t("bookings.line", {
            day: day(booking.period.start, zone),
            status: word("booking", booking.reservation_status),
          })}
        </span>
        {canEnd && <End booking={booking} />}
      </span>
      <span className="p">{money(settled, booking.currency)}</span>
    </div>
  );
}

function End({ booking }: { booking: Booking }) {
  const [open, setOpen] = useState(false);
  const end = usePress({
    name: `end:${booking.id}`,
    stale: ["hosted", "calendar"],
    send: (body: Schema<"HostedCancel">, key) =>
      ok(
        api.POST("/api/v1/booking/hosted/{booking_id}/cancel", {
          params: { path: { booking_id: booking.id } },
          headers: { "Idempotency-Key": key },
          body,
        }),
      ),
    done: () => setOpen(false),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const words = String(form.get("words")).trim();
    end.mutate({ reason: form.get("reason") as (typeof REASONS)[number], words: words || null });
  }
  return (
    <Pop title={t("hosted.cancel")} trigger={t("hosted.cancel")} triggerClass="btn small" open={open} onOpenChange={setOpen}>
      <form className="form-grid" onSubmit={send}>
        <p>{t("hosted.cancelLead")}</p>
        <Choice label={t("hosted.reason")} name="reason">
          {REASONS.map((reason) => (
            <option key={reason} value={reason}>
              {word("canceling", reason)}
            </option>
          ))}
        </Choice>
        <TextArea label={t("hosted.words")} name="words" maxLength={200} hint={t("hosted.wordsHint")} />
        {end.error && <Failure error={end.error} />}
        <button type="submit" className="btn bad" disabled={end.isPending}>
          {t("hosted.cancel")}
        </button>
      </form>
    </Pop>
  );
}
