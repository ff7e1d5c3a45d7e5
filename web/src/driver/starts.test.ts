import { expect, test } from "vitest";
import type { Schema } from "../api/client";
import { startsOf } from "./starts";

const calendar = (slots: [string, string, number][]) =>
  ({
    timeslot_increment: 5,
    available_timeslots: slots.map(([start, end, free]) => ({
      start_date_time: `2026-03-02T${start}:00Z`,
      end_date_time: `2026-03-02T${end}:00Z`,
      free,
      capacity: 4,
    })),
  }) as Schema<"Calendar">;
const at = (time: string) => Date.parse(`2026-03-02T${time}:00Z`);

test("a start needs a free place over its whole length", () => {
  const starts = startsOf(calendar([["08:00", "09:00", 2]]), { from: at("08:00"), before: at("09:00"), minutes: 30 });
  expect(starts.map((start) => start.at)).toEqual([at("08:00"), at("08:15"), at("08:30")]);
});

test("what is free over several stretches is the least of them", () => {
  const [start] = startsOf(
    calendar([
      ["08:00", "08:15", 3],
      ["08:15", "08:30", 1],
    ]),
    { from: at("08:00"), before: at("08:15"), minutes: 30 },
  );
  expect(start).toEqual({ at: at("08:00"), free: 1 });
});

test("starts are on the quarter hour, not before it", () => {
  const [start] = startsOf(calendar([["08:00", "10:00", 1]]), { from: at("08:07"), before: at("10:00"), minutes: 15 });
  expect(start?.at).toBe(at("08:15"));
});

test("a start is refused for any slot that is full, not only those on a quarter hour", () => {
  const starts = startsOf(
    calendar([
      ["08:00", "08:20", 1],
      ["08:25", "09:00", 1],
    ]),
    { from: at("08:00"), before: at("08:31"), minutes: 15 },
  );
  expect(starts.map((start) => start.at)).toEqual([at("08:00"), at("08:30")]);
});
