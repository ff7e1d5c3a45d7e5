import { expect, test } from "vitest";
import { departure, NEW_WISH, nextMorning, requestOf } from "./wish";

const ZONE = "Europe/Amsterdam";
const noon = Date.parse("2026-11-30T11:00:00Z");

test("the next morning is today's before seven, else tomorrow's, by the station's clock", () => {
  expect(nextMorning(noon, ZONE)).toBe("2026-12-01T07:00");
  expect(nextMorning(Date.parse("2026-11-30T05:00:00Z"), ZONE)).toBe("2026-11-30T07:00");
});

test("a time that was typed is by the station's clock", () => {
  expect(departure({ ...NEW_WISH, leave: "at", at: "2026-12-01T08:30" }, noon, ZONE).toISOString()).toBe(
    "2026-12-01T07:30:00.000Z",
  );
});

test("without a vehicle the request says what the car is like, with one it names it", () => {
  const point = { lat: 52, lon: 5 };
  expect(requestOf(NEW_WISH, point, noon, ZONE)).toMatchObject({
    battery_kwh: 60,
    soc: 0.28,
    target_soc: 0.8,
    auto_book: false,
  });
  expect(requestOf({ ...NEW_WISH, vehicle: "v" }, point, noon, ZONE)).not.toHaveProperty("battery_kwh");
});
