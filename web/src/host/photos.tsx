import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { Field } from "../parts/controls";
import { Empty, Failure, Loading } from "../parts/notices";
import "../styles/host.css";
import { t } from "../texts";
import { type Place, PlacePart, useEdited } from "./place-part";

const KINDS = "image/jpeg,image/png,image/webp";

/** The photos of a place. */
export default function PhotosPage() {
  const { id } = useParams({ from: "/host/places/$id/photos" });
  return (
    <PlacePart id={id} part="photos">
      {(place) => <Photos place={place} />}
    </PlacePart>
  );
}

function Photos({ place }: { place: Place }) {
  const edited = useEdited(place.id);
  const [version, setVersion] = useState(0);
  const options = { params: { path: { location_id: place.id } } };
  const photos = useQuery({
    queryKey: ["photos", place.id],
    queryFn: async () => (await ok(api.GET("/api/v1/stations/locations/{location_id}/photos", options))).items,
  });
  const add = usePress({
    name: `photo:${place.id}`,
    stale: ["photos"],
    send: ({ file, caption }: { file: File; caption: string }, key) =>
      ok(
        api.POST("/api/v1/stations/locations/{location_id}/photos", {
          params: {
            path: { location_id: place.id },
            query: caption ? { caption } : {},
            header: { "If-Match": place.etag },
          },
          headers: { "Idempotency-Key": key, "Content-Type": file.type },
          body: file as unknown as string,
          bodySerializer: (body) => body as unknown as BodyInit,
        }),
      ),
    done: () => {
      setVersion((before) => before + 1);
      edited();
    },
  });
  const remove = usePress({
    name: `photo-remove:${place.id}`,
    stale: ["photos"],
    send: (photo: string) =>
      ok(
        api.DELETE("/api/v1/stations/locations/{location_id}/photos/{photo_id}", {
          params: { path: { location_id: place.id, photo_id: photo }, header: { "If-Match": place.etag } },
        }),
      ),
    done: edited,
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    add.mutate({ file: form.get("file") as File, caption: String(form.get("caption")).trim() });
  }
  return (
    <>
      {photos.error && <Failure error={photos.error} again={() => void photos.refetch()} />}
      {photos.isLoading && <Loading label={t("edit.loading")} />}
      {photos.data?.length === 0 && <Empty>{t("photos.none")}</Empty>}
      <ul className="cards">
        {photos.data?.map((photo) => (
          <li key={photo.id} className="panel">
            <img src={photo.thumbnail_url} alt={photo.caption ?? place.name} loading="lazy" />
            {photo.caption && <p>{photo.caption}</p>}
            <div className="acts">
              <button type="button" className="btn small" disabled={remove.isPending} onClick={() => remove.mutate(photo.id)}>
                {t("photos.remove", { caption: photo.caption ?? t("photos.one") })}
              </button>
            </div>
          </li>
        ))}
      </ul>
      {remove.error && <Failure error={remove.error} />}
      <form className="panel form-grid" onSubmit={send} key={version}>
        <Field label={t("photos.file")} name="file" type="file" accept={KINDS} required />
        <Field label={t("photos.caption")} name="caption" maxLength={120} hint={t("photos.kept")} />
        {add.error && <Failure error={add.error} />}
        <button type="submit" className="btn main" disabled={add.isPending}>
          {t("photos.add")}
        </button>
      </form>
    </>
  );
}
