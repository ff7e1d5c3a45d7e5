import { Link, useNavigate } from "@tanstack/react-router";
import type { Schema } from "../api/client";
import { useConfig } from "../api/queries";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { percent } from "../texts/format";
import { DEMO_CENTRE, useOrigin } from "./origin";
import { useNear } from "./scene";
import { Wait } from "./wait";
import { departure, keepWish, keptWish, type Wish } from "./wish";

type Way = { label: string; change: Partial<Wish> };
const LESS = 20;
const LEAST_GAIN = 10;
/** For these, time may bring a place. */
const CAN_WAIT = new Set(["ALL_FULL", "CLOSED", "WINDOW_TOO_SHORT"]);

/** Wishes near the one that could not be met, for the reason there was. */
export function waysOut(wish: Wish, reason: string | null): Way[] {
  const ways: Way[] = [];
  const less = wish.to - LESS;
  if (wish.radius && reason === "OUT_OF_REACH") ways.push({ label: t("nothing.anyDistance"), change: { radius: "" } });
  if (wish.doneBy) ways.push({ label: t("nothing.noEnd"), change: { doneBy: "" } });
  if (less - wish.now >= LEAST_GAIN)
    ways.push({
      label: t("nothing.less", { less: percent(less / 100), wanted: percent(wish.to / 100) }),
      change: { to: less },
    });
  if (wish.leave === "now" || wish.leave === "in30") ways.push({ label: t("nothing.later"), change: { leave: "in120" } });
  return ways;
}

/** No slot: why, and what would do instead. */
export function Nothing({ request }: { request: Pick<Schema<"ChargeRequest">, "status" | "reason"> }) {
  const navigate = useNavigate();
  const wish = keptWish();
  const near = useNear();
  const config = useConfig();
  const from = useOrigin() ?? (config?.demo ? DEMO_CENTRE : null);
  const isOver = request.status === "EXPIRED" || request.status === "CANCELED" || request.status === "NO_SHOW";
  const reason = request.reason ?? request.status;
  return (
    <>
      <Title text={isOver ? t("nothing.over") : t("nothing.title")} />
      <div className="notice warn">
        <p>{word("reason", reason)}</p>
      </div>
      {!isOver && (
        <ul className="cards">
          {waysOut(wish, request.reason).map(({ label, change }) => (
            <li key={label}>
              <button
                type="button"
                className="card"
                onClick={() => {
                  keepWish({ ...wish, ...change });
                  void navigate({ to: "/" });
                }}
              >
                <b>{label}</b>
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="acts">
        <Link className="btn main" to="/">
          {t("nothing.change")}
        </Link>
        {!isOver && from && CAN_WAIT.has(reason) && (
          <Wait
            wish={wish}
            from={from}
            zone={near.zone}
            begin={departure(wish, Date.now(), near.zone).getTime()}
            words={t("wait.button")}
          />
        )}
      </div>
    </>
  );
}
