import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { signedOut } from "../api/session";
import { Check, Field } from "../parts/controls";
import { saveFile } from "../parts/file";
import { Icon } from "../parts/icons";
import { Failure } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

/** One's own data: take it along, or leave. */
export default function DataPage() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [cancels, setCancels] = useState(false);
  const take = usePress({
    name: "export",
    send: async (_: null) => ok<Blob>(api.GET("/api/v1/accounts/me/export", { parseAs: "blob" })),
    done: (content) => saveFile(content, "evcharging-export.zip"),
  });
  const leave = usePress({
    name: "leave",
    send: (password: string) => ok(api.POST("/api/v1/accounts/me/deletion", { body: { password, cancel_bookings: cancels } })),
    done: () => {
      signedOut();
      queries.clear();
      void navigate({ to: "/sign-in" });
    },
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    leave.mutate(String(new FormData(event.currentTarget).get("password")));
  }
  return (
    <div className="page narrow">
      <Link to="/me" className="back">
        <Icon name="back" />
        {t("me.title")}
      </Link>
      <Title text={t("data.title")} />
      <section className="panel" aria-labelledby="export">
        <h2 id="export">{t("data.export")}</h2>
        <p>{t("data.exportLead")}</p>
        {take.error && <Failure error={take.error} />}
        <div className="acts">
          <button type="button" className="btn" disabled={take.isPending} onClick={() => take.mutate(null)}>
            {t("data.exportButton")}
          </button>
        </div>
      </section>
      <section className="panel" aria-labelledby="leave">
        <h2 id="leave">{t("data.leave")}</h2>
        <p>{t("data.leaveLead")}</p>
        <form className="form-grid" onSubmit={send}>
          {leave.error && <Failure error={leave.error} />}
          <Check label={t("data.cancels")} checked={cancels} onChange={(event) => setCancels(event.target.checked)} />
          <Field
            label={t("signIn.password")}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            maxLength={128}
          />
          <button className="btn bad" type="submit" disabled={leave.isPending}>
            {t("data.leaveButton")}
          </button>
        </form>
      </section>
    </div>
  );
}
