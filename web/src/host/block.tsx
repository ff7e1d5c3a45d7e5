import { type FormEvent, useRef, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { asksToConfirm, Consequences } from "../parts/confirm";
import { Choice, Field, Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { instantOf, wallClock } from "../texts/zones";

const HOUR = 3_600_000;
type Sent = { body: Schema<"BlockedTimeCreate">; confirmation?: string };

/** Blocks hours of a place or of one charger; where bookings lie in them, what becomes of each is shown first. */
export function Block({ place }: { place: Schema<"LocationOut"> }) {
  const zone = place.time_zone;
  const [open, setOpen] = useState(false);
  const last = useRef<Schema<"BlockedTimeCreate"> | null>(null);
  const soon = Math.ceil(Date.now() / HOUR) * HOUR;
  const block = usePress({
    name: `block:${place.id}`,
    stale: ["calendar", "place", "managed"],
    send: ({ body, confirmation }: Sent, key) =>
      ok(
        api.POST("/api/v1/stations/locations/{location_id}/blocked-times", {
          params: {
            path: { location_id: place.id },
            query: confirmation ? { confirmation } : {},
            header: { "If-Match": place.etag },
          },
          headers: { "Idempotency-Key": key },
          body,
        }),
      ),
    done: () => setOpen(false),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const instant = (name: string) => instantOf(String(form.get(name)), zone).toISOString();
    last.current = {
      evse_id: String(form.get("evse")) || null,
      period: { start: instant("from"), end: instant("until") },
      reason: String(form.get("reason")),
    };
    block.mutate({ body: last.current });
  }
  return (
    <Pop title={t("block.title")} trigger={t("block.button")} triggerClass="btn main" open={open} onOpenChange={setOpen}>
      <form className="form-grid" onSubmit={send}>
        <Choice label={t("block.what")} name="evse">
          <option value="">{t("block.all")}</option>
          {place.evses.map(({ id, uid }) => (
            <option key={id} value={id}>
              {uid}
            </option>
          ))}
        </Choice>
        <div className="pair">
          <Field
            label={t("block.from")}
            name="from"
            type="datetime-local"
            step={300}
            required
            defaultValue={wallClock(soon, zone)}
          />
          <Field
            label={t("block.until")}
            name="until"
            type="datetime-local"
            step={300}
            required
            defaultValue={wallClock(soon + 2 * HOUR, zone)}
          />
        </div>
        <Field label={t("block.reason")} name="reason" required maxLength={120} hint={t("block.reasonHint")} />
        {block.error && !asksToConfirm(block.error) && <Failure error={block.error} zone={zone} />}
        <Consequences
          error={block.error}
          zone={zone}
          isPending={block.isPending}
          onConfirm={(confirmation) => last.current && block.mutate({ body: last.current, confirmation })}
        />
        <button className="btn main" type="submit" disabled={block.isPending}>
          {t("block.button")}
        </button>
      </form>
    </Pop>
  );
}
