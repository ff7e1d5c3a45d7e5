import { useEffect, useState } from "react";
import { t } from "../texts";
import { countdown } from "../texts/format";

const SPOKEN_AT_S = [60, 30, 10];

/** Seconds until an instant, once a second; never below 0. */
export function useSecondsUntil(until: string | null): number {
  const left = () => (until ? Math.max(0, Math.round((Date.parse(until) - Date.now()) / 1000)) : 0);
  const [seconds, setSeconds] = useState(left);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `left` reads `until` alone
  useEffect(() => {
    setSeconds(left());
    const timer = setInterval(() => setSeconds(left()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}

/** How long a place is held yet; spoken at 60, 30 and 10 seconds only. */
export function Held({ seconds }: { seconds: number }) {
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    if (SPOKEN_AT_S.includes(seconds)) setSpoken(t("slot.heldSpoken", { seconds }));
  }, [seconds]);
  return (
    <>
      <span className="num" role="timer" aria-live="off">
        {seconds ? t("slot.held", { left: countdown(seconds) }) : t("slot.notHeld")}
      </span>
      <span className="vh" role="status">
        {spoken}
      </span>
    </>
  );
}
