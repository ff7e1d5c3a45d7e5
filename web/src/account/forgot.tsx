import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

/** A link for a new password. The answer is the same whether or not there is an account. */
export default function Forgot() {
  const ask = usePress({
    name: "forgot",
    send: (email: string) => ok(api.POST("/api/v1/accounts/password/forgot", { body: { email } })),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("email")));
  }
  return (
    <div className="page form">
      <Title text={t("forgot.title")} />
      {ask.isSuccess ? (
        <p role="status">{t("forgot.asked")}</p>
      ) : (
        <form className="form-grid" onSubmit={send}>
          {ask.error && <Failure error={ask.error} />}
          <Field label={t("signIn.email")} name="email" type="email" autoComplete="username" required maxLength={254} />
          <button className="btn main wide" type="submit" disabled={ask.isPending}>
            {t("forgot.button")}
          </button>
        </form>
      )}
      <Link to="/sign-in">{t("forgot.back")}</Link>
    </div>
  );
}
