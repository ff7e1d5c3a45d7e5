import { queryOptions, useQuery } from "@tanstack/react-query";
import { Outlet, useMatchRoute, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { api, ok } from "../api/client";
import { useConfig } from "../api/queries";
import type { Point } from "../map/near-map";
import { StateGlyph } from "../parts/states";
import "../styles/charge.css";
import { t } from "../texts";
import { deviceZone } from "../texts/format";
import { DEMO_CENTRE, setOrigin, useOrigin } from "./origin";
import { EMPTY, NearContext, type Scene } from "./scene";

const NearMap = lazy(() => import("../map/near-map"));
const NEAR_KM = 8;
const FORECAST_MS = 15 * 60_000;

/** Stations around a point with the chance that a place is free in a quarter of an hour. */
export const nearQuery = (origin: Point | null) =>
  queryOptions({
    queryKey: ["near", origin?.lat, origin?.lon],
    enabled: origin !== null,
    refetchInterval: 30_000,
    queryFn: async () => {
      const at = new Date(Date.now() + FORECAST_MS).toISOString();
      const query = { latitude: origin!.lat, longitude: origin!.lon, radius_km: NEAR_KM, limit: 100, p_free_at: at };
      return (await ok(api.GET("/api/v1/stations/locations", { params: { query } }))).items;
    },
  });

/** The map with what stands beside it: the wish, its answer, or the list of stations. */
export default function NearLayout() {
  const config = useConfig();
  const kept = useOrigin();
  const origin = kept ?? (config?.demo ? DEMO_CENTRE : null);
  const stations = useQuery(nearQuery(origin));
  const [scene, show] = useState<Scene>(EMPTY);
  const [isPicking, setPicking] = useState(false);
  const navigate = useNavigate();
  const matches = useMatchRoute();
  const isAnswer = Boolean(matches({ to: "/slots/$request" }));
  useEffect(() => {
    if (!isPicking) return;
    const stop = (event: KeyboardEvent) => event.key === "Escape" && setPicking(false);
    addEventListener("keydown", stop);
    return () => removeEventListener("keydown", stop);
  }, [isPicking]);
  const items = useMemo(() => stations.data ?? [], [stations.data]);
  const zone = items[0]?.time_zone ?? deviceZone();
  const near = useMemo(() => ({ zone, isPicking, pickOnMap: () => setPicking(true), show }), [zone, isPicking]);
  const open = useCallback((id: string) => void navigate({ to: "/places/$id", params: { id } }), [navigate]);
  const move = (to: Point) => {
    setOrigin({ ...to, by: "map" });
    setPicking(false);
  };
  return (
    <NearContext value={near}>
      <div className={`near ${isAnswer ? "answered" : ""}`}>
        <div className="side">
          <Outlet />
        </div>
        <section className={`stage ${isPicking ? "picking" : ""}`} aria-label={t("map.title")}>
          {isPicking && (
            <p className="picking-note" role="status">
              {t("from.pickHint")}
            </p>
          )}
          <Suspense fallback={<div className="map" />}>
            {origin && config && (
              <NearMap
                origin={origin}
                stations={items}
                offers={scene.offers}
                tiles={config.tiles}
                onPick={scene.onPick ?? open}
                onMove={isPicking ? move : undefined}
              />
            )}
          </Suspense>
          <p className="legend">
            {t("near.legend")}
            {(["go", "some", "none", "unknown"] as const).map((kind) => (
              <span key={kind} className={kind}>
                <StateGlyph kind={kind} />
                {t(`near.word.${kind}`)}
              </span>
            ))}
          </p>
        </section>
      </div>
    </NearContext>
  );
}
