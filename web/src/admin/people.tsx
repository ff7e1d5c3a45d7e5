import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { asksToConfirm, Consequences } from "../parts/confirm";
import { Choice, Field, Pop } from "../parts/controls";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { day, deviceZone } from "../texts/format";
import { type PeopleSearch, ROLES } from "./search";

type Account = Schema<"Account">;

/** Accounts by address and role; what a suspension stops is listed before it is done. */
export default function People() {
  const { email, role }: PeopleSearch = useSearch({ from: "/admin/people" });
  const navigate = useNavigate();
  const filter = (part: PeopleSearch) =>
    void navigate({ to: "/admin/people", search: { ...(email && { email }), ...(role && { role }), ...part }, replace: true });
  const people = useInfiniteQuery({
    queryKey: ["people", email, role],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/api/v1/accounts/users", {
          params: { query: { limit: 50, cursor: pageParam, ...(email && { email }), ...(role && { role }) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const accounts = (people.data?.pages ?? []).flatMap((page) => page.items);
  function find(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    filter({ email: String(new FormData(event.currentTarget).get("email")).trim() || undefined });
  }
  return (
    <div className="page narrow">
      <Title text={t("people.title")} />
      <form className="pair" onSubmit={find}>
        <Field
          label={t("people.email")}
          name="email"
          type="search"
          defaultValue={email ?? ""}
          maxLength={254}
          hint={t("people.hint")}
        />
        <Choice
          label={t("me.role")}
          value={role ?? ""}
          onChange={(event) => filter({ role: (event.target.value || undefined) as PeopleSearch["role"] })}
        >
          <option value="">{t("people.anyRole")}</option>
          {ROLES.map((known) => (
            <option key={known} value={known}>
              {word("role", known)}
            </option>
          ))}
        </Choice>
      </form>
      {people.error && <Failure error={people.error} again={() => void people.refetch()} />}
      {people.isLoading && <Loading label={t("people.loading")} />}
      {people.isSuccess && accounts.length === 0 && <Empty>{t("people.none")}</Empty>}
      <ul className="cards">
        {accounts.map((account) => (
          <li key={account.id} className="panel">
            <header>
              <h2>{account.name}</h2>
              <span className={`tag ${account.status === "ACTIVE" ? "go" : "none"}`}>{word("account", account.status)}</span>
            </header>
            <p className="quiet">
              {t("people.line", {
                email: account.email,
                role: word("role", account.role),
                since: day(account.created_at, deviceZone()),
              })}
            </p>
            <div className="acts">
              <Suspend account={account} />
              {account.role === "driver" && (
                <Link className="btn small" to="/admin/people/$id" params={{ id: account.id }}>
                  {t("person.see")}
                </Link>
              )}
            </div>
          </li>
        ))}
      </ul>
      {people.hasNextPage && (
        <button type="button" className="btn" disabled={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>
          {t("action.more")}
        </button>
      )}
    </div>
  );
}

type Sent = { body: Schema<"AccountUpdate">; confirmation?: string };

function Suspend({ account }: { account: Account }) {
  const [open, setOpen] = useState(false);
  const last = useRef<Schema<"AccountUpdate"> | null>(null);
  const isActive = account.status === "ACTIVE";
  const change = usePress({
    name: `account:${account.id}`,
    stale: ["people", "managed"],
    send: ({ body, confirmation }: Sent) =>
      ok(
        api.PATCH("/api/v1/accounts/users/{user_id}", {
          params: { path: { user_id: account.id }, query: confirmation ? { confirmation } : {} },
          body,
        }),
      ),
    done: () => setOpen(false),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    last.current = {
      status: isActive ? "SUSPENDED" : "ACTIVE",
      reason: String(new FormData(event.currentTarget).get("reason")),
    };
    change.mutate({ body: last.current });
  }
  const words = isActive ? t("people.suspend") : t("people.lift");
  return (
    <Pop
      title={t("people.about", { name: account.name })}
      trigger={words}
      triggerClass="btn small"
      open={open}
      onOpenChange={setOpen}
    >
      <form className="form-grid" onSubmit={send}>
        {isActive && <p>{t("people.stops")}</p>}
        <Field label={t("people.reason")} name="reason" required maxLength={300} />
        {change.error && !asksToConfirm(change.error) && <Failure error={change.error} />}
        <Consequences
          error={change.error}
          zone={deviceZone()}
          isPending={change.isPending}
          onConfirm={(confirmation) => last.current && change.mutate({ body: last.current, confirmation })}
        />
        <button className={isActive ? "btn bad" : "btn main"} type="submit" disabled={change.isPending}>
          {words}
        </button>
      </form>
    </Pop>
  );
}
