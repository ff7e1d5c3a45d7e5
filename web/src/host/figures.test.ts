import { expect, test } from "vitest";
import { busiest, byHourOfDay, byWeekdayAndHour, csv } from "./figures";

const bucket = (weekday: number, hour: number, occupied_minutes: number, capacity_minutes = 60) => ({
  weekday,
  hour,
  occupied_minutes,
  capacity_minutes,
});

test("an hour of a weekday is what was in use of what was open", () => {
  const week = byWeekdayAndHour([bucket(1, 8, 30), bucket(1, 8, 60), bucket(7, 23, 15)]);
  expect(week[0]![8]).toBe(0.75);
  expect(week[6]![23]).toBe(0.25);
});
test("an hour in which nothing was open is not known", () => {
  expect(byWeekdayAndHour([bucket(1, 8, 0, 0)])[0]![8]).toBeNull();
});
test("an hour of the day is that of every weekday together", () => {
  expect(byHourOfDay([bucket(1, 8, 60), bucket(2, 8, 0)])[8]).toBe(0.5);
});
test("the busiest hour is the one with the highest share", () => {
  expect(busiest(byWeekdayAndHour([bucket(1, 8, 30), bucket(3, 17, 45)]))).toEqual({ day: 2, hour: 17, share: 0.75 });
});
test("where nobody charged no hour is the busiest", () => {
  expect(busiest(byWeekdayAndHour([bucket(1, 8, 0)]))).toBeNull();
});
test("a cell with a comma or a quote is quoted", () => {
  expect(csv([["Plein 1, west", 'the "blue" one', 3]])).toBe('"Plein 1, west","the ""blue"" one",3');
});
