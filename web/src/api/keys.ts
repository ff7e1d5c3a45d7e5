type Keys = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The key of a press: the same until it has its answer, also when the page is loaded anew meanwhile. */
export function keyOf(name: string, variables: unknown, keys: Keys): { key: string; settle: () => void } {
  const place = `press:${name}:${JSON.stringify(variables)}`;
  const key = keys.getItem(place) ?? crypto.randomUUID();
  keys.setItem(place, key);
  return { key, settle: () => keys.removeItem(place) };
}
