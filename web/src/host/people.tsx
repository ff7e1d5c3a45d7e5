import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, Problem, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Choice, Field } from "../parts/controls";
import { Empty, Failure, Loading } from "../parts/notices";
import { t, word } from "../texts";
import { day, deviceZone } from "../texts/format";
import { PlacePart } from "./place-part";

type Right = Schema<"Right">;
const RIGHTS: Right[] = ["READ", "OPERATE", "EDIT"];

/** Who else runs a place, and with what right. */
export default function PeoplePage() {
  const { id } = useParams({ from: "/host/places/$id/people" });
  return (
    <PlacePart id={id} part="people">
      {() => <People id={id} />}
    </PlacePart>
  );
}

function People({ id }: { id: string }) {
  const queries = useQueryClient();
  const zone = deviceZone();
  const [version, setVersion] = useState(0);
  const options = { params: { path: { location_id: id } } };
  const staff = useQuery({
    queryKey: ["staff", id],
    queryFn: async () => (await ok(api.GET("/api/v1/stations/locations/{location_id}/staff", options))).items,
  });
  const save = usePress({
    name: `staff:${id}`,
    send: (list: Schema<"StaffIn">[]) =>
      ok(api.PUT("/api/v1/stations/locations/{location_id}/staff", { ...options, body: { staff: list } })),
    done: ({ items }) => {
      queries.setQueryData(["staff", id], items);
      setVersion((before) => before + 1);
    },
  });
  const all = staff.data ?? [];
  const kept = all.map(({ email, rights }) => ({ email, rights }));
  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    save.mutate([...kept, { email: String(form.get("email")).trim(), rights: form.get("rights") as Right }]);
  }
  const isForbidden = staff.error instanceof Problem && staff.error.code === "FORBIDDEN";
  if (isForbidden) return <Empty>{t("staff.ownerOnly")}</Empty>;
  return (
    <>
      {staff.error && <Failure error={staff.error} again={() => void staff.refetch()} />}
      {staff.isLoading && <Loading label={t("edit.loading")} />}
      {staff.data?.length === 0 && <Empty>{t("staff.none")}</Empty>}
      <ul className="cards">
        {all.map(({ email, rights, invited_at, accepted_at }) => (
          <li key={email} className="panel">
            <header>
              <h2>{email}</h2>
              <span className="tag">
                {accepted_at
                  ? t("staff.since", { when: day(accepted_at, zone) })
                  : t("staff.invited", { when: day(invited_at, zone) })}
              </span>
            </header>
            <p className="quiet">{word("staff", rights)}</p>
            <div className="acts">
              <button
                type="button"
                className="btn small"
                disabled={save.isPending}
                onClick={() => save.mutate(kept.filter((other) => other.email !== email))}
              >
                {t("staff.remove", { email })}
              </button>
            </div>
          </li>
        ))}
      </ul>
      {staff.data && (
        <form className="panel form-grid" onSubmit={add} key={version}>
          <div className="pair">
            <Field
              label={t("signIn.email")}
              name="email"
              type="email"
              required
              maxLength={254}
              autoComplete="off"
              hint={t("staff.hint")}
            />
            <Choice label={t("staff.right")} name="rights">
              {RIGHTS.map((right) => (
                <option key={right} value={right}>
                  {word("staff", right)}
                </option>
              ))}
            </Choice>
          </div>
          {save.error && <Failure error={save.error} />}
          <button type="submit" className="btn main" disabled={save.isPending}>
            {t("staff.add")}
          </button>
        </form>
      )}
    </>
  );
}
