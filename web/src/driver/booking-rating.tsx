import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok, Problem, type Schema } from "../api/client";
import { usePress } from "../api/press";
import { Check, Chips, TextArea } from "../parts/controls";
import { Failure } from "../parts/notices";
import { t, word } from "../texts";

type Rating = Schema<"Rating">;
type Reason = Schema<"RatingReason">;
const STARS = ["1", "2", "3", "4", "5"] as const;
const GOOD: Reason[] = ["AS_PROMISED", "EASY_TO_FIND", "FAST", "FAIR_PRICE", "PLEASANT_PLACE"];
const BAD: Reason[] = ["CHARGER_TAKEN", "CHARGER_BROKEN", "HARD_TO_FIND", "SLOW", "EXPENSIVE", "UNPLEASANT_PLACE"];
const DAYS_MS = 14 * 86_400_000;
const LEAST_GOOD = 4;

/** Whether a session that ended then can be rated now. */
export const isRatable = (stopped: string | null | undefined, now: number): boolean =>
  Boolean(stopped) && now - Date.parse(stopped!) < DAYS_MS;

/** How the session was, said once and changed as often as one likes. */
export function Rate({ id }: { id: string }) {
  const rating = useQuery({
    queryKey: ["bookings", id, "rating"],
    retry: false,
    queryFn: async (): Promise<Rating | null> => {
      try {
        return await ok(api.GET("/api/v1/booking/bookings/{booking_id}/rating", { params: { path: { booking_id: id } } }));
      } catch (error) {
        if (error instanceof Problem && error.code === "NOT_FOUND") return null;
        throw error;
      }
    },
  });
  if (rating.isLoading) return null;
  return <RatingForm key={rating.data?.updated_at ?? "new"} id={id} kept={rating.data ?? null} />;
}

function RatingForm({ id, kept }: { id: string; kept: Rating | null }) {
  const queries = useQueryClient();
  const [stars, setStars] = useState<string | null>(kept ? String(kept.stars) : null);
  const [reasons, setReasons] = useState<Reason[]>(kept?.reasons ?? []);
  const [wrong, setWrong] = useState("");
  const save = usePress({
    name: "rating",
    send: (body: Schema<"RatingPut">) =>
      ok(api.PUT("/api/v1/booking/bookings/{booking_id}/rating", { params: { path: { booking_id: id } }, body })),
    done: (rating) => queries.setQueryData(["bookings", id, "rating"], rating),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (stars === null) return setWrong(t("rating.choose"));
    setWrong("");
    const words = String(new FormData(event.currentTarget).get("words")).trim();
    save.mutate({ stars: Number(stars), reasons: reasons.filter((reason) => shown.includes(reason)), words: words || null });
  }
  const shown = stars === null ? [] : Number(stars) >= LEAST_GOOD ? GOOD : BAD;
  return (
    <section className="panel" aria-labelledby="rate">
      <h2 id="rate">{t("rating.title")}</h2>
      <form className="form-grid" onSubmit={send}>
        <Chips
          legend={t("rating.stars")}
          look="fit"
          items={STARS.map((value) => ({ value, name: t("rating.star", { count: Number(value) }), label: `${value} ★` }))}
          value={stars as (typeof STARS)[number] | null}
          onChange={setStars}
        />
        {wrong && (
          <p className="wrong" role="alert">
            {wrong}
          </p>
        )}
        {shown.length > 0 && (
          <fieldset>
            <legend>{t("rating.reasons")}</legend>
            {shown.map((reason) => (
              <Check
                key={reason}
                label={word("rated", reason)}
                checked={reasons.includes(reason)}
                onChange={(event) =>
                  setReasons(event.target.checked ? [...reasons, reason] : reasons.filter((other) => other !== reason))
                }
              />
            ))}
          </fieldset>
        )}
        <TextArea
          label={t("rating.words")}
          name="words"
          maxLength={500}
          defaultValue={kept?.words ?? ""}
          hint={t("rating.wordsHint")}
        />
        {save.error && <Failure error={save.error} />}
        <div className="acts">
          <button type="submit" className="btn" disabled={save.isPending}>
            {t("rating.send")}
          </button>
          <span role="status">{kept ? t("rating.saved") : ""}</span>
        </div>
      </form>
    </section>
  );
}
