import { useSyncExternalStore } from "react";
import type { Point } from "../map/near-map";

/** Where the driver sets out, and how we know. Kept on this device alone. */
export type Origin = Point & { by: "device" | "map" | "typed" | "saved" | "demo" };

const KEPT = "evcharging.origin";
/** The middle of the generated city that `make run` begins with; used where the installation says that it is a demo. */
export const DEMO_CENTRE: Origin = { lat: 52.08952, lon: 5.121659, by: "demo" };

let origin: Origin | null = read();
const listeners = new Set<() => void>();

function read(): Origin | null {
  const kept = localStorage.getItem(KEPT);
  if (!kept) return null;
  const { lat, lon, by } = JSON.parse(kept) as Origin;
  return Number.isFinite(lat) && Number.isFinite(lon) ? { lat, lon, by } : null;
}

export function setOrigin(next: Origin): void {
  origin = next;
  localStorage.setItem(KEPT, JSON.stringify(next));
  for (const tell of listeners) tell();
}

/** Asks the device where it is. Raises GeolocationPositionError. */
export const locate = (): Promise<Origin> =>
  new Promise((resolve, reject) =>
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ lat: coords.latitude, lon: coords.longitude, by: "device" }),
      reject,
      { timeout: 10_000, maximumAge: 60_000 },
    ),
  );

/** "52.0895, 5.1217" as a point; null where it is none. */
export function parsePoint(text: string): Point | null {
  const found = /^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/.exec(text);
  if (!found) return null;
  const point = { lat: Number(found[1]), lon: Number(found[2]) };
  return Math.abs(point.lat) <= 90 && Math.abs(point.lon) <= 180 ? point : null;
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useOrigin = (): Origin | null => useSyncExternalStore(subscribe, () => origin);
