import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";

/** The mobile number for text messages: asked for with the password, proven by a code. */
export function Phone({ me }: { me: Schema<"Me"> }) {
  const queries = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const ask = usePress({
    name: "phone",
    send: (body: Schema<"PhoneIn">) => ok(api.POST("/api/v1/accounts/me/phone", { body })),
  });
  const confirm = usePress({
    name: "phone-code",
    send: (code: string) => ok(api.POST("/api/v1/accounts/me/phone/confirm", { body: { code } })),
    done: (user) => {
      queries.setQueryData(["me"], { ...me, ...user });
      setOpen(false);
      ask.reset();
    },
  });
  const remove = usePress({
    name: "phone-remove",
    stale: ["me"],
    send: (_: null) => ok(api.DELETE("/api/v1/accounts/me/phone")),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    ask.mutate({ number: String(form.get("number")), password: String(form.get("password")) });
  }
  function prove(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    confirm.mutate(String(new FormData(event.currentTarget).get("code")));
  }
  return (
    <div className="form-grid">
      <p>{me.phone ? t("phone.is", { number: me.phone }) : t("phone.none")}</p>
      {!isOpen && (
        <div className="acts">
          <button type="button" className="btn small" onClick={() => setOpen(true)}>
            {me.phone ? t("phone.change") : t("phone.add")}
          </button>
          {me.phone && (
            <button type="button" className="btn small" disabled={remove.isPending} onClick={() => remove.mutate(null)}>
              {t("phone.remove")}
            </button>
          )}
        </div>
      )}
      {isOpen && !ask.data && (
        <form className="form-grid" onSubmit={send}>
          {ask.error && <Failure error={ask.error} />}
          <Field
            label={t("phone.number")}
            name="number"
            type="tel"
            autoComplete="tel"
            required
            maxLength={40}
            hint={t("phone.hint")}
          />
          <Field
            label={t("signIn.password")}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            maxLength={128}
          />
          <button className="btn main" type="submit" disabled={ask.isPending}>
            {t("phone.send")}
          </button>
        </form>
      )}
      {isOpen && ask.data && (
        <form className="form-grid" onSubmit={prove}>
          {confirm.error && <Failure error={confirm.error} />}
          <Field
            label={t("phone.code", { number: ask.data.number })}
            name="code"
            inputMode="numeric"
            pattern="[0-9]{6}"
            autoComplete="one-time-code"
            required
          />
          <button className="btn main" type="submit" disabled={confirm.isPending}>
            {t("phone.prove")}
          </button>
        </form>
      )}
    </div>
  );
}
