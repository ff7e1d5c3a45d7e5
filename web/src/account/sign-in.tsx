import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { signedIn } from "../api/session";
import { Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

type Answer = Schema<"Tokens"> | Schema<"SecondFactorChallenge">;
const BY_COOKIE = { "X-Session": "cookie" as const };

export default function SignIn() {
  const [challenge, setChallenge] = useState<string | null>(null);
  return (
    <div className="page form">
      {challenge ? <SecondFactor challenge={challenge} /> : <Password onChallenge={setChallenge} />}
    </div>
  );
}

function useArrive() {
  const { next } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  return (tokens: Schema<"Tokens">) => {
    signedIn(tokens);
    void navigate({ href: next ?? "/" });
  };
}

function Password({ onChallenge }: { onChallenge: (challenge: string) => void }) {
  const arrive = useArrive();
  const login = usePress({
    name: "login",
    send: (body: Schema<"Login">) => ok<Answer>(api.POST("/api/v1/accounts/login", { body, params: { header: BY_COOKIE } })),
    done: (answer) => ("challenge" in answer ? onChallenge(answer.challenge) : arrive(answer)),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    login.mutate({ email: String(form.get("email")), password: String(form.get("password")) });
  }
  return (
    <>
      <Title text={t("signIn.title")} />
      <form className="form-grid" onSubmit={send}>
        {login.error && <Failure error={login.error} />}
        <Field label={t("signIn.email")} name="email" type="email" autoComplete="username" required maxLength={254} />
        <Field
          label={t("signIn.password")}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={128}
        />
        <button className="btn main wide" type="submit" disabled={login.isPending}>
          {t("signIn.button")}
        </button>
      </form>
      <p>
        <Link to="/forgot">{t("signIn.forgot")}</Link>
      </p>
      <p>
        {t("signIn.noAccount")} <Link to="/register">{t("signIn.register")}</Link>
      </p>
    </>
  );
}

function SecondFactor({ challenge }: { challenge: string }) {
  const arrive = useArrive();
  const [byRecovery, setByRecovery] = useState(false);
  const answer = usePress({
    name: "second-factor",
    send: (body: Schema<"ChallengeAnswer">) =>
      ok(api.POST("/api/v1/accounts/login/second-factor", { body, params: { header: BY_COOKIE } })),
    done: arrive,
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get("code")).trim();
    answer.mutate({ challenge, ...(byRecovery ? { recovery_code: code } : { code }) });
  }
  return (
    <>
      <Title text={t("factor.title")} />
      <p>{byRecovery ? t("factor.byRecovery") : t("factor.byApp")}</p>
      <form className="form-grid" onSubmit={send}>
        {answer.error && <Failure error={answer.error} />}
        <Field
          key={String(byRecovery)}
          label={byRecovery ? t("factor.recoveryCode") : t("factor.code")}
          name="code"
          inputMode={byRecovery ? "text" : "numeric"}
          autoComplete="one-time-code"
          required
          pattern={byRecovery ? undefined : "[0-9]{6}"}
          maxLength={64}
          autoFocus
        />
        <button className="btn main wide" type="submit" disabled={answer.isPending}>
          {t("signIn.button")}
        </button>
        <button className="btn" type="button" onClick={() => setByRecovery(!byRecovery)}>
          {byRecovery ? t("factor.useApp") : t("factor.useRecovery")}
        </button>
      </form>
    </>
  );
}
