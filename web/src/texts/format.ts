import { language, locale, t } from "./index";

type When = string | number | Date;
const formats = new Map<string, Intl.DateTimeFormat>();

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale(), options);
  formats.set(key, known);
  return known;
}

/** The zone of the device. */
export const deviceZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** "07:15", by the clock of a station's zone. */
export const clock = (at: When, timeZone: string): string =>
  dates({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone }).format(new Date(at));

/** "Mon 30 Nov" in a zone. */
export const day = (at: When, timeZone: string): string =>
  dates({ weekday: "short", day: "numeric", month: "short", timeZone }).format(new Date(at)).replace(",", "");

/** "Monday, 30 November 2026" in a zone. */
export const longDay = (at: When, timeZone: string): string =>
  dates({ weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone }).format(new Date(at));

/** "Mon 30 Nov, 07:15" in a zone. */
export const dayAndClock = (at: When, timeZone: string): string =>
  t("time.dayAt", { day: day(at, timeZone), time: clock(at, timeZone) });

/** "Amsterdam" of "Europe/Amsterdam": where the clock hangs. */
export const cityOf = (timeZone: string): string => timeZone.split("/").at(-1)!.replaceAll("_", " ");

/** "Amsterdam time" where the device's clock is another one now, else nothing. */
export function zoneNote(at: When, timeZone: string): string {
  return clock(at, timeZone) === clock(at, deviceZone()) && day(at, timeZone) === day(at, deviceZone())
    ? ""
    : t("time.zone", { city: cityOf(timeZone) });
}

/** Minor units of an amount in major ones. */
export function minorOf(major: number, currency: string): number {
  const { maximumFractionDigits: digits } = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
  return Math.round(major * 10 ** (digits ?? 2));
}

/** Money of minor units, with as many digits as its currency has. */
export function money(minor: number, currency: string): string {
  const format = new Intl.NumberFormat(locale(), { style: "currency", currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

export const number = (value: number, digits = 0): string =>
  new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);

export const percent = (share: number): string =>
  new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(share);

export const km = (value: number): string =>
  new Intl.NumberFormat(locale(), { style: "unit", unit: "kilometer", maximumFractionDigits: value < 10 ? 1 : 0 }).format(
    value,
  );

export const kwh = (value: number, digits = 0): string => t("unit.kwh", { value: number(value, digits) });
export const kw = (value: number): string => t("unit.kw", { value: number(value, 1) });

const unit = (name: "minute" | "hour" | "day", value: number) =>
  new Intl.NumberFormat(locale(), { style: "unit", unit: name, unitDisplay: "short" }).format(value);

/** "30 days": a number of a unit, written out. */
export const unitOf = (name: "day", value: number): string =>
  new Intl.NumberFormat(locale(), { style: "unit", unit: name, unitDisplay: "long" }).format(value);

/** The names of the weekdays, Monday first, short. */
export const weekdays = (): string[] =>
  Array.from({ length: 7 }, (_, index) => dates({ weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + index)));

/** "12 min", "3 h 9 min". `Intl` has the words of every language; "h" of English is ours, since its own is "hr". */
export function minutes(value: number): string {
  const all = Math.max(0, Math.round(value));
  const hours = Math.floor(all / 60);
  const rest = all % 60;
  const inHours = language() === "en" ? `${hours}\u00a0h` : unit("hour", hours);
  const inMinutes = language() === "en" ? `${rest}\u00a0min` : unit("minute", rest);
  if (hours === 0) return inMinutes;
  return rest === 0 ? inHours : `${inHours}\u00a0${inMinutes}`;
}

/** "2:05" of seconds, for a countdown. */
export const countdown = (seconds: number): string => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

/** "5 minutes ago" or "in 2 hours": how far an instant lies from now. */
export function fromNow(at: When, now: number = Date.now()): string {
  const away = (new Date(at).getTime() - now) / 60_000;
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  if (Math.abs(away) < 60) return format.format(Math.round(away), "minute");
  if (Math.abs(away) < 36 * 60) return format.format(Math.round(away / 60), "hour");
  return format.format(Math.round(away / 1440), "day");
}
