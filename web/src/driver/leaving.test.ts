import { expect, test } from "vitest";
import { freeUntil, movableUntil } from "./leaving";

type Terms = Parameters<typeof freeUntil>[1];
const start = "2026-03-02T12:00:00Z";

test("free until the minutes of its terms before the start", () =>
  expect(freeUntil(start, { cancel_until_minutes: 60 } as Terms).toISOString()).toBe("2026-03-02T11:00:00.000Z"));
test("movable until the minutes of its terms before the start", () =>
  expect(movableUntil(start, { change_until_minutes: 30 } as Terms)?.toISOString()).toBe("2026-03-02T11:30:00.000Z"));
test("never movable where its terms allow no change", () =>
  expect(movableUntil(start, { change_not_allowed: true, change_until_minutes: 0 } as Terms)).toBeNull());
