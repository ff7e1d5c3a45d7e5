import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Chips } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { day, deviceZone, fromNow } from "../texts/format";

type Message = Schema<"Notification">;
/** What the platform has told this person, by day; each leads to its thing. */
export default function Inbox() {
  const { unread } = useSearch({ from: "/inbox" });
  const navigate = useNavigate();
  const inbox = useInfiniteQuery({
    queryKey: ["inbox", "list", unread],
    initialPageParam: undefined as string | undefined,
    refetchInterval: 60_000,
    queryFn: ({ pageParam }) =>
      ok(api.GET("/api/v1/notify/inbox", { params: { query: { limit: 30, cursor: pageParam, ...(unread && { unread }) } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const read = usePress({
    name: "read",
    stale: ["inbox"],
    send: (id: string) =>
      ok(api.POST("/api/v1/notify/inbox/{notification_id}/read", { params: { path: { notification_id: id } } })),
  });
  const zone = deviceZone();
  const messages = (inbox.data?.pages ?? []).flatMap((page) => page.items);
  const days = Map.groupBy(messages, (message) => day(message.created_at, zone));
  return (
    <div className="page narrow">
      <Title text={t("inbox.title")} />
      <Chips
        legend={t("bookings.show")}
        look="fit"
        items={[
          { value: "all", label: t("inbox.all") },
          { value: "unread", label: t("inbox.unread") },
        ]}
        value={unread ? "unread" : "all"}
        onChange={(value) => void navigate({ to: "/inbox", search: value === "unread" ? { unread: true } : {}, replace: true })}
      />
      {inbox.error && <Failure error={inbox.error} again={() => void inbox.refetch()} />}
      {inbox.isLoading && <Loading label={t("inbox.loading")} />}
      {inbox.isSuccess && messages.length === 0 && (
        <Empty>
          <Icon name="inbox" size={40} />
          <p>{t("inbox.none")}</p>
        </Empty>
      )}
      {[...days].map(([name, items]) => (
        <section className="alts" key={name} aria-label={name}>
          <h2>{name}</h2>
          <ul className="cards">
            {items.map((message) => (
              <li key={message.id}>
                <MessageCard message={message} onRead={() => message.read_at ?? read.mutate(message.id)} />
              </li>
            ))}
          </ul>
        </section>
      ))}
      {inbox.hasNextPage && (
        <button type="button" className="btn" disabled={inbox.isFetchingNextPage} onClick={() => void inbox.fetchNextPage()}>
          {t("action.more")}
        </button>
      )}
    </div>
  );
}

function MessageCard({ message, onRead }: { message: Message; onRead: () => void }) {
  const { data } = message;
  const content = (
    <>
      <span>
        {message.read_at ? null : <span className="tag reserved">{t("inbox.new")}</span>} <b lang="en">{message.title}</b>
        <span className="d" lang="en">
          {message.body}
        </span>
      </span>
      <small>{fromNow(message.created_at)}</small>
    </>
  );
  if (message.type.startsWith("waitlist_"))
    return (
      <Link className="card" to="/waitlist" onClick={onRead}>
        {content}
      </Link>
    );
  if ("booking_id" in data)
    return (
      <Link className="card" to="/bookings/$id" params={{ id: data.booking_id }} onClick={onRead}>
        {content}
      </Link>
    );
  if ("charge_request_id" in data)
    return (
      <Link className="card" to="/slots/$request" params={{ request: data.charge_request_id }} onClick={onRead}>
        {content}
      </Link>
    );
  return (
    <div className="card">
      {content}
      {!message.read_at && (
        <button type="button" className="btn small" onClick={onRead}>
          {t("inbox.read")}
        </button>
      )}
    </div>
  );
}
