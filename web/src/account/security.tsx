import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { Field } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";
import { fromNow } from "../texts/format";
import { SecondFactorPanel } from "./second-factor";

export default function Security() {
  return (
    <div className="page narrow">
      <Link to="/me" className="back">
        <Icon name="back" />
        {t("me.title")}
      </Link>
      <Title text={t("security.title")} />
      <SecondFactorPanel />
      <PasswordPanel />
      <DevicesPanel />
    </div>
  );
}

function PasswordPanel() {
  const change = usePress({
    name: "password",
    stale: ["sessions"],
    send: (body: { current_password: string; new_password: string }) => ok(api.POST("/api/v1/accounts/me/password", { body })),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    change.mutate(
      { current_password: String(data.get("current")), new_password: String(data.get("new")) },
      { onSuccess: () => form.reset() },
    );
  }
  return (
    <section className="panel" aria-labelledby="password">
      <h2 id="password">{t("security.password")}</h2>
      <form className="form-grid" onSubmit={send}>
        {change.error && <Failure error={change.error} />}
        <Field
          label={t("security.current")}
          name="current"
          type="password"
          autoComplete="current-password"
          required
          maxLength={128}
        />
        <Field
          label={t("security.new")}
          name="new"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          maxLength={128}
          hint={t("security.ends")}
        />
        <div className="acts">
          <button className="btn" type="submit" disabled={change.isPending}>
            {t("security.change")}
          </button>
          <span role="status">{change.isSuccess ? t("action.saved") : ""}</span>
        </div>
      </form>
    </section>
  );
}

/** The browser and system of a user agent, as short as people call them. */
export function deviceOf(agent: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\/(\d+)/.exec(
    agent.includes("Edg/") ? agent.slice(agent.indexOf("Edg/")) : agent,
  );
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(agent);
  const name = browser?.[1] === "Edg" ? "Edge" : browser?.[1];
  return [name, system?.[1]?.replace("Mac OS X", "macOS")].filter(Boolean).join(", ") || agent.slice(0, 60);
}

function DevicesPanel() {
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: async () => (await ok(api.GET("/api/v1/accounts/me/sessions", { params: { query: { limit: 50 } } }))).items,
  });
  const end = usePress({
    name: "session-end",
    stale: ["sessions"],
    send: (id: string) => ok(api.DELETE("/api/v1/accounts/me/sessions/{session_id}", { params: { path: { session_id: id } } })),
  });
  const endOthers = usePress({
    name: "sessions-end",
    stale: ["sessions"],
    send: (_: null) => ok(api.DELETE("/api/v1/accounts/me/sessions")),
  });
  const error = sessions.error ?? end.error ?? endOthers.error;
  return (
    <section className="panel" aria-labelledby="devices">
      <h2 id="devices">{t("security.devices")}</h2>
      {error && <Failure error={error} />}
      {sessions.isLoading && <Loading label={t("security.loading")} />}
      <ul className="rows">
        {sessions.data?.map((session) => (
          <li key={session.id}>
            <span>
              <b>{deviceOf(session.user_agent)}</b>
              <small>{t("security.lastUsed", { when: fromNow(session.last_used_at), address: session.address ?? "" })}</small>
            </span>
            {session.current ? (
              <span className="tag go">{t("security.this")}</span>
            ) : (
              <button type="button" className="btn small" disabled={end.isPending} onClick={() => end.mutate(session.id)}>
                {t("security.end")}
              </button>
            )}
          </li>
        ))}
      </ul>
      {(sessions.data?.length ?? 0) > 1 && (
        <button type="button" className="btn" disabled={endOthers.isPending} onClick={() => endOthers.mutate(null)}>
          {t("security.endOthers")}
        </button>
      )}
    </section>
  );
}
