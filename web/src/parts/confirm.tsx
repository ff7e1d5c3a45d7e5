import { Problem } from "../api/client";
import { t, word } from "../texts";
import { dayAndClock } from "../texts/format";

type Concerned = { outcome?: string; becomes?: string; start?: string; period?: { start: string } };

/** What a change does to bookings, by what becomes of them: shown before it is confirmed. Nothing for any other failure. */
export function Consequences({
  error,
  zone,
  onConfirm,
  isPending,
}: {
  error: unknown;
  zone: string;
  onConfirm: (confirmation: string) => void;
  isPending: boolean;
}) {
  if (!(error instanceof Problem) || error.code !== "CONFIRMATION_NEEDED") return null;
  const bookings = (error.body.bookings ?? []) as Concerned[];
  const places = (error.body.locations ?? []) as { name?: string }[];
  return (
    <div className="notice warn" role="alert">
      <b>{t("confirm.title", { count: bookings.length })}</b>
      <ul>
        {bookings.map((booking, index) => {
          const start = booking.start ?? booking.period?.start;
          return (
            <li key={index}>
              {t("confirm.line", {
                when: start ? dayAndClock(start, zone) : "",
                what: word("becomes", booking.outcome ?? booking.becomes ?? "CANCELED"),
              })}
            </li>
          );
        })}
        {places.map(({ name }) => (
          <li key={name}>{t("confirm.place", { name: name ?? "" })}</li>
        ))}
      </ul>
      <button type="button" className="btn bad" disabled={isPending} onClick={() => onConfirm(error.body.confirmation ?? "")}>
        {t("confirm.button")}
      </button>
    </div>
  );
}

/** Whether a failure only asks for a confirmation. */
export const asksToConfirm = (error: unknown): boolean => error instanceof Problem && error.code === "CONFIRMATION_NEEDED";
