import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { useMe } from "../api/queries";
import { signedOut } from "../api/session";
import { Chips, Choice, Field } from "../parts/controls";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { showTheme, type Theme, theme } from "../parts/theme";
import { LANGUAGES, type Language, speak, t, useLanguage, word } from "../texts";
import { Phone } from "./phone";

const OF_DRIVERS = [
  { to: "/me/vehicles", title: "vehicles.title", lead: "vehicles.lead" },
  { to: "/me/preferences", title: "prefs.title", lead: "prefs.lead" },
  { to: "/me/standing", title: "standing.title", lead: "standing.lead" },
] as const;

/** The account: who one is, how the application looks and speaks, and the ways to everything else of one's own. */
export default function MePage() {
  const me = useMe();
  return (
    <div className="page narrow">
      <Title text={t("me.title")} />
      <Looks />
      {me ? <Account me={me} /> : <Loading label={t("me.loading")} />}
    </div>
  );
}

function Account({ me }: { me: Schema<"Me"> }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const rename = usePress({
    name: "rename",
    send: (name: string) => ok(api.PATCH("/api/v1/accounts/me", { body: { name } })),
    done: (user) => queries.setQueryData(["me"], { ...me, ...user }),
  });
  const leave = usePress({
    name: "logout",
    send: (_: null) => ok(api.POST("/api/v1/accounts/logout")),
    done: () => {
      signedOut();
      queries.clear();
      void navigate({ to: "/sign-in" });
    },
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    rename.mutate(String(new FormData(event.currentTarget).get("name")));
  }
  return (
    <>
      <section className="panel" aria-labelledby="who">
        <h2 id="who">{t("me.who")}</h2>
        <dl className="facts">
          <div>
            <dt>{t("signIn.email")}</dt>
            <dd>{me.email}</dd>
          </div>
          <div>
            <dt>{t("me.role")}</dt>
            <dd>{word("role", me.role)}</dd>
          </div>
        </dl>
        <form className="form-grid" onSubmit={send}>
          <Field label={t("register.name")} name="name" defaultValue={me.name} autoComplete="name" required maxLength={120} />
          {rename.error && <Failure error={rename.error} />}
          <div className="acts">
            <button className="btn" type="submit" disabled={rename.isPending}>
              {t("action.save")}
            </button>
            <span role="status">{rename.isSuccess ? t("action.saved") : ""}</span>
          </div>
        </form>
        <Phone me={me} />
      </section>
      <ul className="cards">
        {me.role === "driver" &&
          OF_DRIVERS.map(({ to, title, lead }) => (
            <li key={to}>
              <Link to={to} className="card">
                <b>{t(title)}</b>
                <small>{t(lead)}</small>
              </Link>
            </li>
          ))}
        <li>
          <Link to="/me/security" className="card">
            <b>{t("security.title")}</b>
            <small>{t("security.lead")}</small>
          </Link>
        </li>
        <li>
          <Link to="/me/data" className="card">
            <b>{t("data.title")}</b>
            <small>{t("data.lead")}</small>
          </Link>
        </li>
      </ul>
      {leave.error && <Failure error={leave.error} />}
      <button type="button" className="btn" disabled={leave.isPending} onClick={() => leave.mutate(null)}>
        {t("me.signOut")}
      </button>
      <p className="acts fine">
        <a href="/api/v1/accounts/terms">{t("legal.terms")}</a>
        <a href="/api/v1/accounts/privacy">{t("legal.privacy")}</a>
        <a href="/api/v1/accounts/imprint">{t("legal.imprint")}</a>
      </p>
    </>
  );
}

/** Language and colours, kept on this device. */
function Looks() {
  const language = useLanguage();
  const [chosen, setChosen] = useState<Theme>(theme);
  return (
    <section className="panel" aria-labelledby="looks">
      <h2 id="looks">{t("me.looks")}</h2>
      <Choice
        label={t("me.language")}
        value={language}
        onChange={(event) => void speak(event.target.value as Language, { keep: true })}
      >
        {(Object.keys(LANGUAGES) as Language[]).map((tag) => (
          <option key={tag} value={tag} lang={tag}>
            {LANGUAGES[tag]}
          </option>
        ))}
      </Choice>
      <Chips
        legend={t("me.colours")}
        look="fit"
        items={(["device", "light", "dark"] as const).map((value) => ({ value, label: t(`me.theme.${value}`) }))}
        value={chosen}
        onChange={(value) => {
          setChosen(value);
          showTheme(value, { keep: true });
        }}
      />
    </section>
  );
}
