import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ok, type Schema } from "./client";
import { useSession } from "./session";

export const configQuery = queryOptions({
  queryKey: ["config"],
  staleTime: 300_000,
  queryFn: () => ok(api.GET("/api/v1/config")),
});
export const useConfig = () => useQuery(configQuery).data;

export const meQuery = queryOptions({ queryKey: ["me"], staleTime: 60_000, queryFn: () => ok(api.GET("/api/v1/accounts/me")) });
/** The account signed in, undefined until it is known or where there is none. */
export function useMe(): Schema<"Me"> | undefined {
  const state = useSession();
  const { data } = useQuery({ ...meQuery, enabled: state === "in" });
  return state === "in" ? data : undefined;
}

export const vehiclesQuery = queryOptions({
  queryKey: ["vehicles"],
  queryFn: async () => (await ok(api.GET("/api/v1/accounts/me/vehicles", { params: { query: { limit: 100 } } }))).items,
});

export const placeQuery = (id: string) =>
  queryOptions({
    queryKey: ["place", id],
    staleTime: 60_000,
    queryFn: () => ok(api.GET("/api/v1/stations/locations/{location_id}", { params: { path: { location_id: id } } })),
  });

export const termsQuery = (id: string) =>
  queryOptions({
    queryKey: ["terms", id],
    staleTime: 60_000,
    queryFn: () =>
      ok(api.GET("/api/v1/stations/locations/{location_id}/booking-terms", { params: { path: { location_id: id } } })),
  });

export const requestQuery = (id: string) =>
  queryOptions({
    queryKey: ["request", id],
    queryFn: () => ok(api.GET("/api/v1/optimizer/charge-requests/{request_id}", { params: { path: { request_id: id } } })),
  });

export const bookingQuery = (id: string) =>
  queryOptions({
    queryKey: ["bookings", id],
    queryFn: () => ok(api.GET("/api/v1/booking/bookings/{booking_id}", { params: { path: { booking_id: id } } })),
  });

export const preferencesQuery = queryOptions({
  queryKey: ["preferences"],
  staleTime: 60_000,
  queryFn: () => ok(api.GET("/api/v1/accounts/me/preferences")),
});
