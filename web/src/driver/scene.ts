import { createContext, useContext, useEffect } from "react";
import type { Offered } from "../map/near-map";

/** What a page beside the map lets it show. */
export type Scene = { offers: Offered[]; onPick?: (id: string) => void };
export const EMPTY: Scene = { offers: [] };
export type Near = { zone: string; pickOnMap: () => void; isPicking: boolean; show: (scene: Scene) => void };
export const NearContext = createContext<Near | null>(null);

/** The near-view that the page stands beside. */
export function useNear(): Near {
  const near = useContext(NearContext);
  if (!near) throw new Error("this page stands beside no map");
  return near;
}

/** Shows offers on the map while the page is there. */
export function useScene(scene: Scene): void {
  const { show } = useNear();
  useEffect(() => {
    show(scene);
    return () => show(EMPTY);
  }, [scene, show]);
}
