import { expect, test } from "vitest";
import { keyOf } from "./keys";

function memory() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
}

test("a press that has no answer yet keeps its key, also when it is pressed anew", () => {
  const keys = memory();
  expect(keyOf("book", { start: 1 }, keys).key).toBe(keyOf("book", { start: 1 }, keys).key);
});

test("another wish, or the same after its answer, is another press", () => {
  const keys = memory();
  const first = keyOf("book", { start: 1 }, keys);
  expect(keyOf("book", { start: 2 }, keys).key).not.toBe(first.key);
  first.settle();
  expect(keyOf("book", { start: 1 }, keys).key).not.toBe(first.key);
});
