import { type Key, language, t } from "../texts";
import { km, minutes, money } from "../texts/format";

/** What two possibilities are compared by. */
export type Measures = { km: number; done: number; priceMinor: number };
const LEAST_KM = 0.05;
const LEAST_MS = 60_000;

/** How a possibility differs from another: whole phrases, the largest thing a driver minds first. */
export function differences(one: Measures, other: Measures, currency: string): string[] {
  const phrases: string[] = [];
  const further = one.km - other.km;
  const later = one.done - other.done;
  const dearer = one.priceMinor - other.priceMinor;
  const say = (key: Key, value: string) => phrases.push(t(key, { value }));
  if (Math.abs(further) >= LEAST_KM) say(further > 0 ? "diff.farther" : "diff.nearer", km(Math.abs(further)));
  if (Math.abs(later) >= LEAST_MS) say(later > 0 ? "diff.later" : "diff.sooner", minutes(Math.abs(later) / 60_000));
  if (dearer) say(dearer > 0 ? "diff.dearer" : "diff.cheaper", money(Math.abs(dearer), currency));
  return phrases;
}

/** Phrases as one line in the language spoken. */
export const joined = (phrases: string[]): string =>
  new Intl.ListFormat(language(), { type: "unit", style: "short" }).format(phrases);
