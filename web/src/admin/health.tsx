import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { fromNow, number, percent } from "../texts/format";
import { overviewQuery } from "./queries";

/** Whether the platform does its work: its queues, what could not be delivered, who decides and how often. */
export default function Health() {
  return (
    <div className="page narrow">
      <Title text={t("health.title")} />
      <Queues />
      <DeadLetters />
      <Deciding />
    </div>
  );
}

function Queues() {
  const overview = useQuery(overviewQuery);
  if (overview.error) return <Failure error={overview.error} again={() => void overview.refetch()} />;
  if (!overview.data) return <Loading label={t("health.loading")} />;
  const { messages_waiting: due, dead_letters: dead } = overview.data;
  const queues = [...new Set([...Object.keys(due), ...Object.keys(dead)])].sort();
  return (
    <section className="panel" aria-labelledby="queues">
      <h2 id="queues">{t("health.queues")}</h2>
      {queues.length === 0 ? (
        <p>{t("health.empty")}</p>
      ) : (
        <table className="twin num">
          <thead>
            <tr>
              <th scope="col">{t("health.queue")}</th>
              <th scope="col">{t("health.due")}</th>
              <th scope="col">{t("health.dead")}</th>
            </tr>
          </thead>
          <tbody>
            {queues.map((queue) => (
              <tr key={queue}>
                <th scope="row">{queue}</th>
                <td>{number(due[queue] ?? 0)}</td>
                <td>{number(dead[queue] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function DeadLetters() {
  const letters = useInfiniteQuery({
    queryKey: ["dead-letters"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      ok(api.GET("/api/v1/notify/dead-letters", { params: { query: { limit: 20, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = (letters.data?.pages ?? []).flatMap((page) => page.items);
  return (
    <section className="panel" aria-labelledby="letters">
      <h2 id="letters">{t("health.letters")}</h2>
      {letters.error && <Failure error={letters.error} again={() => void letters.refetch()} />}
      {letters.isLoading && <Loading label={t("health.loading")} rows={1} />}
      {letters.isSuccess && all.length === 0 && <p>{t("health.noLetters")}</p>}
      <ul className="rows">
        {all.map((letter) => (
          <Letter key={letter.id} letter={letter} />
        ))}
      </ul>
      {letters.hasNextPage && (
        <button
          type="button"
          className="btn small"
          disabled={letters.isFetchingNextPage}
          onClick={() => void letters.fetchNextPage()}
        >
          {t("action.more")}
        </button>
      )}
    </section>
  );
}

function Letter({ letter }: { letter: Schema<"DeadLetter"> }) {
  const again = usePress({
    name: `again:${letter.id}`,
    stale: ["overview", "dead-letters"],
    send: (_: null, key) =>
      ok(
        api.POST("/api/v1/notify/dead-letters/{message_id}/send-again", {
          params: { path: { message_id: letter.id } },
          headers: { "Idempotency-Key": key },
        }),
      ),
  });
  return (
    <li>
      <span>
        <b>{letter.type}</b>
        <small>{t("health.letter", { queue: letter.queue, count: letter.attempts, when: fromNow(letter.created_at) })}</small>
        {letter.last_error && <small lang="en">{letter.last_error}</small>}
        {again.error && <Failure error={again.error} />}
      </span>
      {again.isSuccess ? (
        <span role="status">{t("health.sent")}</span>
      ) : (
        <button type="button" className="btn small" disabled={again.isPending} onClick={() => again.mutate(null)}>
          {t("health.again")}
        </button>
      )}
    </li>
  );
}

function Deciding() {
  const usage = useQuery({ queryKey: ["usage"], queryFn: () => ok(api.GET("/api/v1/optimizer/model/usage")) });
  if (usage.error) return <Failure error={usage.error} again={() => void usage.refetch()} />;
  if (!usage.data) return <Loading label={t("health.loading")} rows={1} />;
  const { name, version, trained, refused, challenger } = usage.data;
  const facts = [
    {
      label: t("health.policy"),
      value: `${name}${version ? ` ${version}` : ""}, ${t(trained ? "health.trained" : "health.rule")}`,
    },
    { label: t("health.decisions"), value: number(usage.data.decisions_7d) },
    {
      label: t("health.fallback"),
      value: usage.data.share_fallback_7d === null ? "–" : percent(usage.data.share_fallback_7d),
    },
    ...(challenger
      ? [
          {
            label: t("health.challenger"),
            value: `${challenger}, ${t("health.agreed", {
              share: usage.data.share_agreed_7d === null ? "–" : percent(usage.data.share_agreed_7d),
            })}`,
          },
        ]
      : []),
  ];
  return (
    <section className="panel" aria-labelledby="decides">
      <h2 id="decides">{t("health.decides")}</h2>
      {refused && <p className="notice bad">{t("health.refused", { why: refused })}</p>}
      <dl className="facts num">
        {facts.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
