import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { preferencesQuery, useMe } from "../api/queries";
import { Field, Pop } from "../parts/controls";
import { Icon } from "../parts/icons";
import { t } from "../texts";
import { number } from "../texts/format";
import { locate, type Origin, parsePoint, setOrigin } from "./origin";
import { useNear } from "./scene";

const nameOf = (origin: Origin | null) => (origin ? t(`from.${origin.by}`) : t("from.unknown"));

/** Where the driver sets out: by the device, by a press on the map, or typed. */
export function From({ origin }: { origin: Origin | null }) {
  const near = useNear();
  const me = useMe();
  const preferences = useQuery({ ...preferencesQuery, enabled: me?.role === "driver" });
  const places = preferences.data?.places ?? [];
  const [open, setOpen] = useState(false);
  const [wrong, setWrong] = useState("");
  async function byDevice() {
    try {
      setOrigin(await locate());
      setOpen(false);
    } catch {
      setWrong(t("from.denied"));
    }
  }
  function byText(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const point = parsePoint(String(new FormData(event.currentTarget).get("point")));
    if (!point) return setWrong(t("from.wrong"));
    setOrigin({ ...point, by: "typed" });
    setOpen(false);
  }
  return (
    <div className="field">
      <span className="label" id="from-label">
        {t("from.label")}
      </span>
      <button type="button" className="from" aria-describedby="from-label" onClick={() => setOpen(true)}>
        <Icon name="pin" size={22} />
        <span>
          {nameOf(origin)}
          <small className="num">{origin ? `${number(origin.lat, 4)}, ${number(origin.lon, 4)}` : t("from.needed")}</small>
        </span>
        <span className="end">{t("action.change")}</span>
      </button>
      <Pop title={t("from.title")} open={open} onOpenChange={setOpen}>
        <button type="button" className="btn main" onClick={byDevice}>
          {t("from.useDevice")}
        </button>
        {origin && (
          <button
            type="button"
            className="btn"
            onClick={() => {
              setOpen(false);
              near.pickOnMap();
            }}
          >
            {t("from.usePress")}
          </button>
        )}
        {places.length > 0 && (
          <ul className="cards" aria-label={t("from.savedTitle")}>
            {places.map((place) => (
              <li key={place.name + place.latitude}>
                <button
                  type="button"
                  className="card"
                  onClick={() => {
                    setOrigin({ lat: place.latitude, lon: place.longitude, by: "saved" });
                    setOpen(false);
                  }}
                >
                  <b>{place.name}</b>
                </button>
              </li>
            ))}
          </ul>
        )}
        <form className="form-grid" onSubmit={byText}>
          <Field
            label={t("from.typed.label")}
            name="point"
            inputMode="text"
            hint={t("from.typed.hint")}
            wrong={wrong || undefined}
            required
          />
          <button className="btn" type="submit">
            {t("from.useTyped")}
          </button>
        </form>
      </Pop>
    </div>
  );
}
