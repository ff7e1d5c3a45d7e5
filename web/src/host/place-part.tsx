import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schema } from "../api/client";
import { placeQuery } from "../api/queries";
import { Icon } from "../parts/icons";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

export type Place = Schema<"LocationOut">;
const PARTS = ["chargers", "prices", "terms", "photos", "people"] as const;
export type Part = (typeof PARTS)[number];

/** What stands around each part of a place that its owner changes: the way back, the place's name, the other parts. */
export function PlacePart({ id, part, children }: { id: string; part: Part; children: (place: Place) => ReactNode }) {
  const place = useQuery(placeQuery(id));
  return (
    <div className="page narrow">
      <Link to="/host/places" className="back">
        <Icon name="back" />
        {t("places.title")}
      </Link>
      <div>
        <Title text={t(`edit.${part}`)} />
        {place.data && <p className="quiet">{place.data.name}</p>}
      </div>
      <nav className="chips" aria-label={t("edit.parts")}>
        {PARTS.map((other) => (
          <Link key={other} to={`/host/places/$id/${other}`} params={{ id }} className="btn small">
            {t(`edit.${other}`)}
          </Link>
        ))}
      </nav>
      {place.error && <Failure error={place.error} again={() => void place.refetch()} />}
      {place.isLoading && <Loading label={t("edit.loading")} />}
      {place.data?.status === "SUBMITTED" && <p className="notice">{t("edit.locked")}</p>}
      {place.data && children(place.data)}
    </div>
  );
}

/** Takes an edit's answer as the place that is shown, with its new ETag; what is listed of places is read anew. */
export function useEdited(id: string): (place?: Place) => void {
  const queries = useQueryClient();
  return (place) => {
    if (place) queries.setQueryData(placeQuery(id).queryKey, place);
    else void queries.invalidateQueries({ queryKey: ["place", id] });
    void queries.invalidateQueries({ queryKey: ["managed"] });
    void queries.invalidateQueries({ queryKey: ["terms", id] });
  };
}
