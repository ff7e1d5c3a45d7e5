import { expect, test } from "vitest";
import { bookedByHour, placeOf } from "./lanes";

const at = (time: string) => `2026-03-02T${time}:00Z`;
const ms = (time: string) => Date.parse(at(time));

test("a period lies where its times are in the window", () => {
  expect(placeOf({ start: at("09:00"), end: at("10:00") }, ms("08:00"), ms("12:00"))).toEqual({ start: 25, width: 25 });
});

test("what passes the window is cut to it, what lies outside is not drawn", () => {
  expect(placeOf({ start: at("07:00"), end: at("09:00") }, ms("08:00"), ms("12:00"))).toEqual({ start: 0, width: 25 });
  expect(placeOf({ start: at("12:00"), end: at("13:00") }, ms("08:00"), ms("12:00"))).toBeNull();
});

test("an hour counts what is booked in it, over all chargers", () => {
  const periods = [
    { start: at("08:30"), end: at("09:30") },
    { start: at("08:00"), end: at("09:00") },
  ];
  expect(bookedByHour(periods, [ms("08:00"), ms("09:00")])).toEqual([1.5, 0.5]);
});
