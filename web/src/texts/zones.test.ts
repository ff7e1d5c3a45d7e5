import { expect, test } from "vitest";
import { addDays, instantOf, startOfDay, wallClock } from "./zones";

const ZONE = "Europe/Amsterdam";

test("the wall's clock and its instant are each other's inverse", () => {
  expect(wallClock("2026-11-30T06:15:00Z", ZONE)).toBe("2026-11-30T07:15");
  expect(instantOf("2026-11-30T07:15", ZONE).toISOString()).toBe("2026-11-30T06:15:00.000Z");
});

test("of an hour that comes twice it is the first", () => {
  expect(instantOf("2026-10-25T02:30", ZONE).toISOString()).toBe("2026-10-25T00:30:00.000Z");
});

test("a time that the clock jumps over is one that exists", () => {
  expect(wallClock(instantOf("2026-03-29T02:30", ZONE), ZONE)).toMatch(/T0[13]:30$/);
});

test("a day of 23 or 25 hours is one day", () => {
  const short = startOfDay("2026-03-29T10:00:00Z", ZONE);
  expect((addDays(short, 1, ZONE).getTime() - short.getTime()) / 3_600_000).toBe(23);
  const long = startOfDay("2026-10-25T10:00:00Z", ZONE);
  expect((addDays(long, 1, ZONE).getTime() - long.getTime()) / 3_600_000).toBe(25);
});
