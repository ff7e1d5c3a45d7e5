const UUID = /^[0-9a-f-]{36}$/;
const MOST_DAYS = 60;

/** What the address says of the day shown: the place, and how many days from today. */
export function readHostSearch({ place, day }: Record<string, unknown>): { place?: string; day?: number } {
  const offset = Number(day);
  return {
    ...(typeof place === "string" && UUID.test(place) && { place }),
    ...(Number.isInteger(offset) && offset > 0 && offset <= MOST_DAYS && { day: offset }),
  };
}
