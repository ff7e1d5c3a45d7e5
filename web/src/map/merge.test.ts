import { expect, test } from "vitest";
import { merge, REST, type Spot } from "./merge";

const view = { left: 0, top: 0, right: 400, bottom: 400 };
const at = (id: string, x: number, y: number, rank = REST): Spot => ({
  id,
  left: x,
  top: y,
  right: x + 44,
  bottom: y + 30,
  rank,
});

test("pins that do not touch stay apart", () => {
  expect(merge([at("a", 10, 10), at("b", 100, 10)], view).map(({ members }) => members)).toEqual([["a"], ["b"]]);
});

test("pins that cover each other become one that counts both", () => {
  expect(merge([at("a", 10, 10), at("b", 30, 20)], view)).toEqual([{ lead: "a", members: ["a", "b"], rank: REST }]);
});

test("a merged pin is wider, so what its words would cover joins it too", () => {
  expect(merge([at("a", 10, 10), at("b", 20, 10), at("c", 70, 10)], view)).toHaveLength(1);
});

test("an offer leads whatever lies under it", () => {
  expect(merge([at("a", 10, 10), at("offer", 20, 10, 1)], view)).toEqual([{ lead: "offer", members: ["offer", "a"], rank: 1 }]);
});

test("what is not wholly in view is not drawn, an offer is", () => {
  expect(merge([at("a", 380, 10), at("offer", 390, 100, 0)], view).map(({ lead }) => lead)).toEqual(["offer"]);
});
