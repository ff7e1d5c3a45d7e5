import { useSyncExternalStore } from "react";
import { forgetKept } from "./kept";

/**
 * Who is signed in. The access token is in this page's memory alone; the refresh token in a cookie that no script reads. Tabs
 * renew one after the other (a lock) and tell each other what they got.
 */
type Grant = { token: string; until: number };
/** "away": there was a session, and no line to ask whether it still is. */
type State = "unknown" | "in" | "away" | "out";

const HINT = "evcharging.signed-in";
const EARLY_MS = 60_000;
let grant: Grant | null = null;
let state: State = localStorage.getItem(HINT) ? "unknown" : "out";
const listeners = new Set<() => void>();
const tabs = new BroadcastChannel("evcharging-session");

function become(next: State, got: Grant | null) {
  grant = got;
  if (next === "in") localStorage.setItem(HINT, "1");
  if (next === "out") {
    localStorage.removeItem(HINT);
    forgetKept();
  }
  if (state === next) return;
  state = next;
  for (const tell of listeners) tell();
}

tabs.onmessage = ({ data }: MessageEvent<Grant | null>) => become(data ? "in" : "out", data);

/** Takes what signing in answered, and tells the other tabs. */
export function signedIn(answer: { access_token: string; expires_in: number }): void {
  const got = { token: answer.access_token, until: Date.now() + answer.expires_in * 1000 };
  become("in", got);
  tabs.postMessage(got);
}

/** Forgets the session here and in every tab. */
export function signedOut(): void {
  become("out", null);
  tabs.postMessage(null);
}

let renewing: Promise<void> | null = null;

/** Gets a new access token by the cookie; one renewal at a time, over all tabs. */
export function renew(): Promise<void> {
  const before = grant;
  renewing ??= (async () =>
    await navigator.locks.request("evcharging-refresh", async () => {
      if (grant !== before && grant && grant.until - EARLY_MS > Date.now()) return; // another tab was first
      const answer = await fetch("/api/v1/accounts/refresh", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Session": "cookie" },
        body: "{}",
      });
      if (answer.ok) signedIn(await answer.json());
      else if (answer.status === 401 || answer.status === 403) signedOut();
      else become(grant ? "in" : "out", grant);
    }))().finally(() => {
    renewing = null;
  });
  return renewing;
}

/** The access token to send, renewed a minute before it ends; null where nobody is signed in. */
export async function accessToken(): Promise<string | null> {
  if (state === "out") return null;
  if (!grant || grant.until - EARLY_MS < Date.now()) await renew();
  return (grant as Grant | null)?.token ?? null;
}

/** At the start: signed in by the cookie where there was a session, else signed out; never left unknown. */
export async function restore(): Promise<void> {
  if (state !== "unknown" && state !== "away") return;
  try {
    await renew();
  } catch {
    become("away", null); // no connection: what was kept can be read, and the line is asked again when it is back
  }
}

addEventListener("online", () => void restore());

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useSession = (): State => useSyncExternalStore(subscribe, () => state);
