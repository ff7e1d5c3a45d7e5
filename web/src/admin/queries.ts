import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "../api/client";

/** What there is and what waits, in numbers. */
export const overviewQuery = queryOptions({
  queryKey: ["overview"],
  refetchInterval: 30_000,
  queryFn: () => ok(api.GET("/api/v1/administration/overview")),
});
