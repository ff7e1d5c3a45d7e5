import { expect, test } from "vitest";
import { readNext } from "./next";

test("a path of ours is where to go after signing in", () =>
  expect(readNext({ next: "/places/1?day=2" })).toEqual({ next: "/places/1?day=2" }));
test.each(["https://elsewhere.test", "//elsewhere.test", "/\\elsewhere.test", 3, undefined])("%s is not", (next) =>
  expect(readNext({ next })).toEqual({}),
);
