import { useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Check, Field } from "../parts/controls";
import { Failure } from "../parts/notices";
import { TariffLines } from "../parts/tariff";
import { t, word } from "../texts";
import { kw, money } from "../texts/format";
import { type Place, PlacePart, useEdited } from "./place-part";
import { tariffOf } from "./prices";

/** The prices of a place: what stands, new ones in a form, and what those would have brought. */
export default function PricesPage() {
  const { id } = useParams({ from: "/host/places/$id/prices" });
  return (
    <PlacePart id={id} part="prices">
      {(place) => (
        <>
          <Now place={place} />
          <Editor place={place} />
        </>
      )}
    </PlacePart>
  );
}

function Now({ place }: { place: Place }) {
  const tariffs = (place.tariffs ?? {}) as Record<string, Schema<"Tariff">>;
  return (
    <section className="panel" aria-labelledby="now">
      <h2 id="now">{t("price.now")}</h2>
      {place.pools.map((pool) => (
        <div key={pool.connector + pool.power_class}>
          <h3>{t("place.plug", { plug: word("plug", pool.connector), power: kw(pool.power_kw) })}</h3>
          {pool.tariff_id && tariffs[pool.tariff_id] ? (
            <TariffLines tariff={tariffs[pool.tariff_id]!} />
          ) : (
            <p>{t(pool.price === "FREE" ? "place.free" : "price.noTariff")}</p>
          )}
        </div>
      ))}
    </section>
  );
}

const optional = (form: FormData, name: string): number | null => (form.get(name) ? Number(form.get(name)) : null);

function read(form: FormData, currency: string): Schema<"TariffsPut"> {
  const night = form.has("night")
    ? {
        energy: Number(form.get("nightEnergy")),
        from: String(form.get("nightFrom")),
        until: String(form.get("nightUntil")),
      }
    : null;
  const prices = {
    energy: Number(form.get("energy")),
    night,
    parking: optional(form, "parking"),
    flat: optional(form, "flat"),
    noShow: optional(form, "noShow"),
    late: optional(form, "late"),
    vat: Number(form.get("vat")),
  };
  return { tariffs: [{ tariff: tariffOf(prices, currency) }] } as Schema<"TariffsPut">;
}

const FEES = [
  { name: "parking", text: "price.parking" },
  { name: "flat", text: "price.flat" },
  { name: "noShow", text: "price.noShow" },
  { name: "late", text: "price.late" },
] as const;
const MONEY = { type: "number", inputMode: "decimal", min: 0, max: 10_000, step: "any" } as const;
const USUAL_VAT = 21;

function Editor({ place }: { place: Place }) {
  const [isNight, setNight] = useState(false);
  const edited = useEdited(place.id);
  const preview = usePress({
    name: `prices-preview:${place.id}`,
    send: (body: Schema<"TariffsPut">) =>
      ok(
        api.POST("/api/v1/stations/locations/{location_id}/tariffs/preview", {
          params: { path: { location_id: place.id } },
          body,
        }),
      ),
  });
  const save = usePress({
    name: `prices:${place.id}`,
    send: (body: Schema<"TariffsPut">) =>
      ok(
        api.PUT("/api/v1/stations/locations/{location_id}/tariffs", {
          params: { path: { location_id: place.id }, header: { "If-Match": place.etag } },
          body,
        }),
      ),
    done: (next) => {
      preview.reset();
      edited(next);
    },
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const body = read(new FormData(event.currentTarget), place.currency);
    const isPreview = (event.nativeEvent as SubmitEvent).submitter?.getAttribute("name") === "preview";
    if (isPreview) preview.mutate(body);
    else save.mutate(body);
  }
  const error = preview.error ?? save.error;
  return (
    <form className="panel form-grid" onSubmit={send} aria-labelledby="set">
      <h2 id="set">{t("price.set")}</h2>
      <p className="fine">{t("price.without", { currency: place.currency })}</p>
      <div className="pair">
        <Field label={t("price.energy")} name="energy" {...MONEY} required />
        <Field label={t("price.vat")} name="vat" {...MONEY} max={100} required defaultValue={USUAL_VAT} />
        {FEES.map(({ name, text }) => (
          <Field key={name} label={t(text)} name={name} {...MONEY} />
        ))}
      </div>
      <Check label={t("price.night")} name="night" checked={isNight} onChange={(event) => setNight(event.target.checked)} />
      {isNight && (
        <div className="pair">
          <Field label={t("price.from")} name="nightFrom" type="time" required defaultValue="22:00" />
          <Field label={t("price.until")} name="nightUntil" type="time" required defaultValue="06:00" />
          <Field label={t("price.nightEnergy")} name="nightEnergy" {...MONEY} required />
        </div>
      )}
      <p className="fine">{t("price.pools")}</p>
      {error && <Failure error={error} />}
      <div className="acts">
        <button type="submit" name="preview" className="btn" disabled={preview.isPending}>
          {t("price.preview")}
        </button>
        <button type="submit" className="btn main" disabled={save.isPending}>
          {t("price.put")}
        </button>
        <span role="status">{save.isSuccess ? t("action.saved") : ""}</span>
      </div>
      {preview.data && <Preview preview={preview.data} />}
    </form>
  );
}

function Preview({ preview }: { preview: Schema<"TariffPreviewOut"> }) {
  if (preview.pools.length === 0) return <p role="status">{t("price.noSessions")}</p>;
  return (
    <div role="status" className="form-grid">
      <table className="twin num">
        <thead>
          <tr>
            <th scope="col">{t("price.pool")}</th>
            <th scope="col">{t("reports.sessions")}</th>
            <th scope="col">{t("price.brought")}</th>
            <th scope="col">{t("price.would")}</th>
          </tr>
        </thead>
        <tbody>
          {preview.pools.map((pool) => (
            <tr key={pool.connector + pool.power_class}>
              <th scope="row">{word("plug", pool.connector)}</th>
              <td>{pool.sessions}</td>
              <td>{money(pool.brought_minor, preview.currency)}</td>
              <td>{money(pool.would_have_minor, preview.currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="fine">{t("price.previewNote", { days: preview.days })}</p>
    </div>
  );
}
