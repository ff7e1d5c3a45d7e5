import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "../api/client";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { dayAndClock, deviceZone } from "../texts/format";

/** Who did what, newest first, with what was before and after. */
export default function Audit() {
  const audit = useInfiniteQuery({
    queryKey: ["audit"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => ok(api.GET("/api/v1/accounts/audit", { params: { query: { limit: 50, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const entries = (audit.data?.pages ?? []).flatMap((page) => page.items);
  return (
    <div className="page narrow">
      <Title text={t("audit.title")} />
      {audit.error && <Failure error={audit.error} again={() => void audit.refetch()} />}
      {audit.isLoading && <Loading label={t("audit.loading")} />}
      {audit.isSuccess && entries.length === 0 && <Empty>{t("audit.none")}</Empty>}
      <ul className="cards">
        {entries.map((entry) => (
          <li key={entry.id}>
            <Entry entry={entry} />
          </li>
        ))}
      </ul>
      {audit.hasNextPage && (
        <button type="button" className="btn" disabled={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
          {t("action.more")}
        </button>
      )}
    </div>
  );
}

function Entry({ entry }: { entry: Schema<"AuditEntry"> }) {
  const zone = deviceZone();
  const hasDetail = entry.before !== null || entry.after !== null;
  return (
    <div className="card">
      <b lang="en">{entry.action}</b>
      <small>
        {t("audit.line", { when: dayAndClock(entry.at, zone), role: word("role", entry.actor_role), thing: entry.object_type })}
      </small>
      {hasDetail && (
        <details>
          <summary>{t("audit.detail")}</summary>
          <table className="twin num">
            <thead>
              <tr>
                <th scope="col">{t("approvals.field")}</th>
                <th scope="col">{t("approvals.before")}</th>
                <th scope="col">{t("approvals.after")}</th>
              </tr>
            </thead>
            <tbody>
              {[...new Set([...Object.keys(entry.before ?? {}), ...Object.keys(entry.after ?? {})])].map((field) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  <td>{JSON.stringify(entry.before?.[field]) ?? ""}</td>
                  <td>{JSON.stringify(entry.after?.[field]) ?? ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </div>
  );
}
