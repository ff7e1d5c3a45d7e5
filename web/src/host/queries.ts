import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "../api/client";

/** The places this owner runs. */
export const myPlacesQuery = queryOptions({
  queryKey: ["managed"],
  queryFn: async () => (await ok(api.GET("/api/v1/stations/managed-locations", { params: { query: { limit: 100 } } }))).items,
});

/** A place's chargers with what is booked, free and closed from `begin` to `end`, milliseconds. */
export const calendarQuery = (id: string | undefined, begin: number, end: number) =>
  queryOptions({
    queryKey: ["calendar", id, begin, end],
    enabled: id !== undefined,
    refetchInterval: 30_000,
    queryFn: () =>
      ok(
        api.GET("/api/v1/booking/locations/{location_id}/calendar", {
          params: {
            path: { location_id: id! },
            query: { from: new Date(begin).toISOString(), to: new Date(end).toISOString() },
          },
        }),
      ),
  });

/** How the feed of each of their places does, silent ones first. */
export const feedsQuery = queryOptions({
  queryKey: ["feeds"],
  refetchInterval: 30_000,
  queryFn: async () => (await ok(api.GET("/api/v1/stations/feeds"))).items,
});
