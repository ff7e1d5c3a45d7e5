import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { preferencesQuery, vehiclesQuery } from "../api/queries";
import { Choice, Field } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { LANGUAGES, type Language, t } from "../texts";
import { number } from "../texts/format";
import { parsePoint, useOrigin } from "./origin";

type Preferences = Schema<"Preferences">;

/** What the platform remembers of a driver: their places, their usual car, the language of messages. */
export default function PreferencesPage() {
  const preferences = useQuery(preferencesQuery);
  return (
    <div className="page narrow">
      <Link to="/me" className="back">
        <Icon name="back" />
        {t("me.title")}
      </Link>
      <Title text={t("prefs.title")} />
      {preferences.error && <Failure error={preferences.error} again={() => void preferences.refetch()} />}
      {preferences.isLoading && <Loading label={t("prefs.loading")} />}
      {preferences.data && (
        <>
          <Places kept={preferences.data} />
          <Usual kept={preferences.data} />
        </>
      )}
    </div>
  );
}

function useSave(done?: () => void) {
  const queries = useQueryClient();
  return usePress({
    name: "preferences",
    send: (body: Schema<"PreferencesUpdate">) => ok(api.PATCH("/api/v1/accounts/me/preferences", { body })),
    done: (kept) => {
      queries.setQueryData(preferencesQuery.queryKey, kept);
      done?.();
    },
  });
}

function Places({ kept }: { kept: Preferences }) {
  const origin = useOrigin();
  const [wrong, setWrong] = useState("");
  const [version, setVersion] = useState(0);
  const save = useSave(() => setVersion((before) => before + 1));
  const places = kept.places ?? [];
  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const point = parsePoint(String(form.get("point")));
    if (!point) return setWrong(t("from.wrong"));
    setWrong("");
    save.mutate({ places: [...places, { name: String(form.get("name")), latitude: point.lat, longitude: point.lon }] });
  }
  return (
    <section className="panel" aria-labelledby="places">
      <h2 id="places">{t("prefs.places")}</h2>
      {places.length === 0 && <p className="quiet">{t("prefs.noPlaces")}</p>}
      <ul className="rows">
        {places.map((place, index) => (
          <li key={`${place.name}${index}`}>
            <span>
              <b>{place.name}</b>
              <small className="num">{`${number(place.latitude, 4)}, ${number(place.longitude, 4)}`}</small>
            </span>
            <button
              type="button"
              className="btn small"
              aria-label={t("prefs.removeOf", { name: place.name })}
              disabled={save.isPending}
              onClick={() => save.mutate({ places: places.filter((_, other) => other !== index) })}
            >
              {t("prefs.remove")}
            </button>
          </li>
        ))}
      </ul>
      <form className="form-grid" onSubmit={add} key={version}>
        <div className="pair">
          <Field label={t("prefs.placeName")} name="name" required maxLength={40} />
          <Field
            label={t("from.typed.label")}
            name="point"
            required
            defaultValue={origin ? `${origin.lat.toFixed(4)}, ${origin.lon.toFixed(4)}` : ""}
            hint={t("from.typed.hint")}
            wrong={wrong || undefined}
          />
        </div>
        {save.error && <Failure error={save.error} />}
        <button type="submit" className="btn" disabled={save.isPending}>
          {t("prefs.add")}
        </button>
      </form>
    </section>
  );
}

function Usual({ kept }: { kept: Preferences }) {
  const vehicles = useQuery(vehiclesQuery);
  const save = useSave();
  return (
    <section className="panel" aria-labelledby="usual">
      <h2 id="usual">{t("prefs.usual")}</h2>
      <div className="pair">
        <Choice
          label={t("ask.vehicle")}
          value={kept.vehicle_id ?? ""}
          onChange={(event) => save.mutate({ vehicle_id: event.target.value || null })}
        >
          <option value="">{t("prefs.anyVehicle")}</option>
          {vehicles.data?.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Choice>
        <Choice
          label={t("prefs.messages")}
          value={kept.language ?? ""}
          onChange={(event) => save.mutate({ language: (event.target.value || null) as Language | null })}
        >
          <option value="">{t("prefs.asRead")}</option>
          {(Object.keys(LANGUAGES) as Language[]).map((tag) => (
            <option key={tag} value={tag} lang={tag}>
              {LANGUAGES[tag]}
            </option>
          ))}
        </Choice>
      </div>
      {save.error && <Failure error={save.error} />}
      <p role="status" className={save.isSuccess ? "fine" : "vh"}>
        {save.isSuccess ? t("action.saved") : ""}
      </p>
    </section>
  );
}
