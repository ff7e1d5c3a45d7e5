import { expect, test } from "vitest";
import { differences, joined } from "./differences";

const base = { km: 2, done: 0, priceMinor: 1000 };

test("says what is farther, sooner and dearer, in that order", () => {
  expect(differences({ km: 3.8, done: -168 * 60_000, priceMinor: 1684 }, base, "EUR")).toEqual([
    "1.8 km farther",
    "done 2\u00a0h\u00a048\u00a0min sooner",
    "€6.84 more",
  ]);
});

test("says nothing of what nobody notices", () => {
  expect(differences({ km: 2.02, done: 20_000, priceMinor: 1000 }, base, "EUR")).toEqual([]);
});

test("phrases become one line", () => expect(joined(["a", "b"])).toBe("a, b"));
