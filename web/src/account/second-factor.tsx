import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { Field, Pop } from "../parts/controls";
import { Failure, Loading } from "../parts/notices";
import { t } from "../texts";
import { day, deviceZone } from "../texts/format";

/** The second factor: set up by an authenticator app, recovery codes, taking it off. */
export function SecondFactorPanel() {
  const state = useQuery({ queryKey: ["factor"], queryFn: () => ok(api.GET("/api/v1/accounts/me/second-factor")) });
  const [codes, setCodes] = useState<string[]>([]);
  return (
    <section className="panel" aria-labelledby="factor">
      <h2 id="factor">{t("factor.panel")}</h2>
      {state.error && <Failure error={state.error} again={() => void state.refetch()} />}
      {state.isLoading && <Loading label={t("security.loading")} rows={1} />}
      {codes.length > 0 && <Codes codes={codes} />}
      {state.data?.confirmed_at && (
        <>
          <p>{t("factor.on", { since: day(state.data.confirmed_at, deviceZone()), left: state.data.recovery_codes_left })}</p>
          <div className="acts">
            <NewCodes onCodes={setCodes} />
            {!state.data.demanded && <Remove />}
          </div>
        </>
      )}
      {state.data && !state.data.confirmed_at && <Begin onCodes={setCodes} isDemanded={state.data.demanded} />}
    </section>
  );
}

function Codes({ codes }: { codes: string[] }) {
  return (
    <div className="notice good" role="status">
      <b>{t("factor.keep")}</b>
      <ul className="num">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}

const codeOf = (event: FormEvent<HTMLFormElement>) => {
  event.preventDefault();
  return String(new FormData(event.currentTarget).get("code"));
};

const CodeField = () => (
  <Field label={t("factor.code")} name="code" inputMode="numeric" pattern="[0-9]{6}" autoComplete="one-time-code" required />
);

function Begin({ onCodes, isDemanded }: { onCodes: (codes: string[]) => void; isDemanded: boolean }) {
  const begin = usePress({
    name: "factor-begin",
    send: (password: string) => ok(api.POST("/api/v1/accounts/me/second-factor", { body: { password } })),
  });
  const confirm = usePress({
    name: "factor-confirm",
    stale: ["factor", "me"],
    send: (code: string) => ok(api.POST("/api/v1/accounts/me/second-factor/confirm", { body: { code } })),
    done: ({ recovery_codes }) => onCodes(recovery_codes),
  });
  if (!begin.data)
    return (
      <form
        className="form-grid"
        onSubmit={(event) => {
          event.preventDefault();
          begin.mutate(String(new FormData(event.currentTarget).get("password")));
        }}
      >
        <p>{isDemanded ? t("factor.demanded") : t("factor.off")}</p>
        {begin.error && <Failure error={begin.error} />}
        <Field
          label={t("signIn.password")}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={128}
        />
        <button className="btn main" type="submit" disabled={begin.isPending}>
          {t("factor.begin")}
        </button>
      </form>
    );
  return (
    <form className="form-grid" onSubmit={(event) => confirm.mutate(codeOf(event))}>
      <p>{t("factor.scan")}</p>
      <div className="qr">
        <img src={`data:image/svg+xml;utf8,${encodeURIComponent(begin.data.qr_svg)}`} alt={t("factor.qr")} />
      </div>
      <p className="fine">
        {t("factor.secret")} <code>{begin.data.secret}</code>
      </p>
      {confirm.error && <Failure error={confirm.error} />}
      <CodeField />
      <button className="btn main" type="submit" disabled={confirm.isPending}>
        {t("factor.confirm")}
      </button>
    </form>
  );
}

function NewCodes({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const [open, setOpen] = useState(false);
  const renew = usePress({
    name: "factor-codes",
    stale: ["factor"],
    send: (code: string) => ok(api.POST("/api/v1/accounts/me/second-factor/recovery-codes", { body: { code } })),
    done: ({ recovery_codes }) => {
      setOpen(false);
      onCodes(recovery_codes);
    },
  });
  return (
    <Pop title={t("factor.newCodes")} trigger={t("factor.newCodes")} open={open} onOpenChange={setOpen}>
      <form className="form-grid" onSubmit={(event) => renew.mutate(codeOf(event))}>
        {renew.error && <Failure error={renew.error} />}
        <CodeField />
        <button className="btn main" type="submit" disabled={renew.isPending}>
          {t("factor.newCodes")}
        </button>
      </form>
    </Pop>
  );
}

function Remove() {
  const [open, setOpen] = useState(false);
  const remove = usePress({
    name: "factor-remove",
    stale: ["factor"],
    send: (code: string) => ok(api.POST("/api/v1/accounts/me/second-factor/removal", { body: { code } })),
    done: () => setOpen(false),
  });
  return (
    <Pop title={t("factor.remove")} trigger={t("factor.remove")} open={open} onOpenChange={setOpen}>
      <form className="form-grid" onSubmit={(event) => remove.mutate(codeOf(event))}>
        {remove.error && <Failure error={remove.error} />}
        <CodeField />
        <button className="btn bad" type="submit" disabled={remove.isPending}>
          {t("factor.remove")}
        </button>
      </form>
    </Pop>
  );
}
