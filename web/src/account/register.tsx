import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Check, Chips, Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

const LEAST_LENGTH = 8;

/** A new account: the address proves itself by the mailed link. */
export default function RegisterPage() {
  const [role, setRole] = useState<"driver" | "owner">("driver");
  const legal = useQuery({ queryKey: ["legal"], queryFn: () => ok(api.GET("/api/v1/accounts/legal")) });
  const terms = legal.data?.items.find(({ document }) => document === "terms");
  const register = usePress({
    name: "register",
    send: (body: Schema<"Register">) => ok(api.POST("/api/v1/accounts/register", { body })),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    register.mutate({
      email: String(form.get("email")),
      password: String(form.get("password")),
      name: String(form.get("name")),
      role,
      accept_terms: terms?.version ?? null,
    });
  }
  if (register.isSuccess)
    return (
      <div className="page form">
        <Title text={t("register.askedTitle")} />
        <p>{t("register.asked")}</p>
        <Link to="/sign-in" className="btn main">
          {t("signIn.button")}
        </Link>
      </div>
    );
  return (
    <div className="page form">
      <Title text={t("register.title")} />
      <form className="form-grid" onSubmit={send}>
        {register.error && <Failure error={register.error} />}
        {legal.error && <Failure error={legal.error} again={() => void legal.refetch()} />}
        <Chips
          legend={t("register.role")}
          items={[
            { value: "driver", label: t("register.driver") },
            { value: "owner", label: t("register.owner") },
          ]}
          value={role}
          onChange={setRole}
        />
        <Field label={t("register.name")} name="name" autoComplete="name" required maxLength={120} />
        <Field label={t("signIn.email")} name="email" type="email" autoComplete="email" required maxLength={254} />
        <Field
          label={t("signIn.password")}
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={LEAST_LENGTH}
          maxLength={128}
          hint={t("register.passwordHint", { least: LEAST_LENGTH })}
        />
        {terms && (
          <Check
            required
            label={
              <>
                {t("register.accept", { version: terms.version })}{" "}
                <a href="/api/v1/accounts/terms" target="_blank" rel="noreferrer">
                  {t("legal.terms")}
                </a>{" "}
                <a href="/api/v1/accounts/privacy" target="_blank" rel="noreferrer">
                  {t("legal.privacy")}
                </a>
              </>
            }
          />
        )}
        <button className="btn main wide" type="submit" disabled={register.isPending || !terms}>
          {t("register.button")}
        </button>
      </form>
      <p>
        {t("register.have")} <Link to="/sign-in">{t("signIn.button")}</Link>
      </p>
    </div>
  );
}
