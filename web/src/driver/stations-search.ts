import type { Schema } from "../api/client";
import { PLUGS } from "../api/plugs";

export type StationSearch = { plug?: Schema<"ConnectorType">; power?: number; within?: number };
export const POWERS_KW = [11, 22, 50, 100, 150];
export const WITHIN_KM = [2, 5, 10, 25, 50];
export const DEFAULT_KM = 10;

/** What the address says of the filters; anything else in it is left out. */
export function readStationSearch(search: Record<string, unknown>): StationSearch {
  const plug = PLUGS.find((known) => known === search.plug);
  const power = POWERS_KW.find((known) => known === Number(search.power));
  const within = WITHIN_KM.find((known) => known === Number(search.within));
  return { ...(plug && { plug }), ...(power && { power }), ...(within && { within }) };
}
