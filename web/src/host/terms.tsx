import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { termsQuery } from "../api/queries";
import { Check, Field } from "../parts/controls";
import { Failure, Loading } from "../parts/notices";
import { t, word } from "../texts";
import { type Place, PlacePart, useEdited } from "./place-part";

type Terms = Schema<"BookingTermsPut">;
const NUMBERS = [
  { name: "cancel_until_minutes", text: "terms.cancelUntil", min: 0, max: 10080 },
  { name: "change_until_minutes", text: "terms.changeUntil", min: 0, max: 10080 },
  { name: "noshow_timeout_minutes", text: "terms.kept", min: 5, max: 120 },
  { name: "early_start_minutes", text: "terms.early", min: 0, max: 60 },
  { name: "idle_grace_minutes", text: "terms.grace", min: 0, max: 120 },
  { name: "min_booking_minutes", text: "terms.shortest", min: 5, max: 1440 },
  { name: "max_booking_minutes", text: "terms.longest", min: 5, max: 1440 },
  { name: "booking_horizon_days", text: "terms.horizon", min: 1, max: 365 },
  { name: "min_lead_minutes", text: "terms.lead", min: 0, max: 10080 },
  { name: "operator_cancel_credit_percent", text: "terms.credit", min: 0, max: 100 },
] as const;
const ACCESS = ["OPEN", "TOKEN", "LICENSE_PLATE", "ACCESS_CODE", "INTERCOM", "PARKING_TICKET"] as const;

/** The booking terms of a place, with the sentences that drivers will read of them. */
export default function TermsPage() {
  const { id } = useParams({ from: "/host/places/$id/terms" });
  const terms = useQuery(termsQuery(id));
  return (
    <PlacePart id={id} part="terms">
      {(place) => (
        <>
          {terms.error && <Failure error={terms.error} again={() => void terms.refetch()} />}
          {terms.isLoading && <Loading label={t("edit.loading")} />}
          {terms.data && <Editor place={place} kept={terms.data} />}
        </>
      )}
    </PlacePart>
  );
}

function Editor({ place, kept }: { place: Place; kept: Schema<"TermsInWords"> }) {
  const form = useRef<HTMLFormElement>(null);
  const [terms, setTerms] = useState(kept.booking_terms as Terms);
  const edited = useEdited(place.id);
  const preview = useQuery({
    queryKey: ["terms-preview", place.id, terms],
    placeholderData: (before: Schema<"TermsInWords"> | undefined) => before,
    queryFn: () =>
      ok(
        api.POST("/api/v1/stations/locations/{location_id}/booking-terms/preview", {
          params: { path: { location_id: place.id } },
          body: terms,
        }),
      ),
  });
  const save = usePress({
    name: `terms:${place.id}`,
    send: (body: Terms) =>
      ok(
        api.PUT("/api/v1/stations/locations/{location_id}/booking-terms", {
          params: { path: { location_id: place.id }, header: { "If-Match": place.etag } },
          body,
        }),
      ),
    done: edited,
  });
  /** The terms as the form has them; what it does not ask for stays as it was. */
  function typed(): Terms {
    const values = new FormData(form.current!);
    return {
      ...(kept.booking_terms as Terms),
      ...Object.fromEntries(NUMBERS.map(({ name }) => [name, Number(values.get(name))])),
      change_not_allowed: values.has("change_not_allowed"),
      noshow_fee: values.has("noshow_fee"),
      payment: values.has("payment") ? "HOLD" : "NONE",
      supported_access_methods: ACCESS.filter((method) => values.has(method)),
    };
  }
  function send(event: FormEvent) {
    event.preventDefault();
    save.mutate(typed());
  }
  const access: readonly string[] = kept.booking_terms.supported_access_methods ?? [];
  return (
    <form className="form-grid" ref={form} onSubmit={send} onBlur={() => form.current?.checkValidity() && setTerms(typed())}>
      <div className="pair">
        {NUMBERS.map(({ name, text, min, max }) => (
          <Field
            key={name}
            label={t(text)}
            name={name}
            type="number"
            inputMode="numeric"
            min={min}
            max={max}
            step={1}
            required
            defaultValue={kept.booking_terms[name] ?? min}
          />
        ))}
      </div>
      <Check label={t("terms.noChange")} name="change_not_allowed" defaultChecked={kept.booking_terms.change_not_allowed} />
      <Check label={t("terms.noShowFee")} name="noshow_fee" defaultChecked={kept.booking_terms.noshow_fee} />
      <Check label={t("terms.payment")} name="payment" defaultChecked={kept.booking_terms.payment === "HOLD"} />
      <fieldset>
        <legend>{t("terms.access")}</legend>
        {ACCESS.map((method) => (
          <Check key={method} label={word("access", method)} name={method} defaultChecked={access.includes(method)} />
        ))}
      </fieldset>
      <section className="panel" aria-labelledby="sentences">
        <h2 id="sentences">{t("terms.edit")}</h2>
        {preview.error && <Failure error={preview.error} />}
        <ul className="rows" lang="en">
          {(preview.data ?? kept).sentences.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      </section>
      <p className="fine">{t("terms.counts")}</p>
      {save.error && <Failure error={save.error} />}
      <div className="acts">
        <button type="submit" className="btn main" disabled={save.isPending}>
          {t("action.save")}
        </button>
        <span role="status">{save.isSuccess ? t("action.saved") : ""}</span>
      </div>
    </form>
  );
}
