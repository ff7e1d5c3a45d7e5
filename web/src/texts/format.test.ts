import { afterEach, expect, test } from "vitest";
import { clock, day, km, minorOf, minutes, money, zoneNote } from "./format";
import { speak } from "./index";

afterEach(() => speak("en"));

test("a time is the station's, through both ends of summer time", () => {
  expect(clock("2026-03-29T00:59:00Z", "Europe/Amsterdam")).toBe("01:59");
  expect(clock("2026-03-29T01:00:00Z", "Europe/Amsterdam")).toBe("03:00");
  expect(clock("2026-10-25T00:30:00Z", "Europe/Amsterdam")).toBe("02:30");
  expect(clock("2026-10-25T01:30:00Z", "Europe/Amsterdam")).toBe("02:30");
});

test("the zone stands beside a time only where the device's clock shows another", () => {
  expect(zoneNote("2026-03-02T08:00:00Z", "Asia/Kolkata")).toBe("Kolkata time");
  expect(zoneNote("2026-03-02T08:00:00Z", "UTC")).toBe("");
});

test("money has as many digits as its currency", () => {
  expect(money(1301, "EUR")).toBe("€13.01");
  expect(money(1301, "JPY")).toBe("JP¥1,301");
  expect(minorOf(1.234, "KWD")).toBe(1234);
});

test("durations are in the words of the language", async () => {
  expect(minutes(189)).toBe("3\u00a0h\u00a09\u00a0min");
  expect(minutes(45)).toBe("45\u00a0min");
  await speak("de");
  expect(minutes(60)).toBe("1 Std.");
});

test("dates and distances are the language's", async () => {
  await speak("de");
  expect(day("2026-11-30T12:00:00Z", "UTC")).toBe("Mo. 30. Nov.");
  expect(km(2.34)).toBe("2,3 km");
});
