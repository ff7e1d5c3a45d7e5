import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { useSession } from "../api/session";
import type { Point } from "../map/near-map";
import { Check, Field, Pop } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t } from "../texts";
import { instantOf, wallClock } from "../texts/zones";
import { requestOf, type Wish } from "./wish";

const HOUR = 3_600_000;
const USUAL_HOURS = 4;
const NIGHT = { quiet_from: "22:00", quiet_until: "07:00" };
const NO_NIGHT = { quiet_from: "00:00", quiet_until: "00:00" };

type Props = { wish: Wish; from: Point; zone: string; begin: number; words: string; radiusKm?: number };

/** A wish that no place can meet now: somebody who waits is told when one can. */
export function Wait({ wish, from, zone, begin, words, radiusKm }: Props) {
  const navigate = useNavigate();
  const state = useSession();
  const [open, setOpen] = useState(false);
  const join = usePress({
    name: "wait",
    isKept: true,
    stale: ["waitlist"],
    send: (body: Schema<"WaitlistJoin">, key) =>
      ok(api.POST("/api/v1/waitlist", { body, headers: { "Idempotency-Key": key } })),
    done: () => void navigate({ to: "/waitlist" }),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const instant = (name: string) => instantOf(String(form.get(name)), zone).toISOString();
    const { auto_book, join_waitlist, earliest_departure, latest_finish, ...wanted } = requestOf(wish, from, Date.now(), zone);
    join.mutate({
      wish: { ...wanted, ...(radiusKm && { radius_km: radiusKm }) },
      window: { start: instant("from"), end: instant("until") },
      ...(form.get("night") ? NO_NIGHT : NIGHT),
    });
  }
  if (state !== "in") return null;
  return (
    <Pop title={t("wait.button")} trigger={words} open={open} onOpenChange={setOpen}>
      <p>{t("wait.lead")}</p>
      <form className="form-grid" onSubmit={send}>
        {join.error && <Failure error={join.error} zone={zone} />}
        <div className="pair">
          <Field
            label={t("wait.from")}
            name="from"
            type="datetime-local"
            required
            step={300}
            defaultValue={wallClock(begin, zone)}
          />
          <Field
            label={t("wait.until")}
            name="until"
            type="datetime-local"
            required
            step={300}
            defaultValue={wallClock(begin + USUAL_HOURS * HOUR, zone)}
          />
        </div>
        <Check label={t("wait.night")} name="night" />
        <button type="submit" className="btn main" disabled={join.isPending}>
          {t("wait.join")}
        </button>
      </form>
    </Pop>
  );
}
