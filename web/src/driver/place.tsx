import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { placeQuery, termsQuery } from "../api/queries";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { kindOfStatus, StateGlyph } from "../parts/states";
import "../styles/place.css";
import { TariffLines } from "../parts/tariff";
import { t, word } from "../texts";
import { cityOf, clock, kw, percent } from "../texts/format";
import { BookHere } from "./place-book";
import { WalkIn } from "./walk-in";

type Place = Schema<"LocationOut">;

/** One place: its chargers now, what it costs, its terms, and a time to book. */
export default function PlacePage() {
  const { id } = useParams({ from: "/places/$id" });
  const place = useQuery({ ...placeQuery(id), refetchInterval: 30_000 });
  if (place.error && !place.data)
    return (
      <div className="page narrow">
        <Failure error={place.error} again={() => void place.refetch()} />
      </div>
    );
  if (!place.data)
    return (
      <div className="page">
        <Loading label={t("place.loading")} />
      </div>
    );
  const found = place.data;
  return (
    <div className="page">
      <div className="head">
        <div>
          <Title text={found.name} />
          <p>{t("place.where", { address: found.address, city: found.city, zone: cityOf(found.time_zone) })}</p>
        </div>
        <a className="btn" href={`geo:${found.latitude},${found.longitude}`}>
          {t("place.way")}
        </a>
      </div>
      <Photos place={found} />
      <div className="two">
        <BookHere place={found} />
        <div className="form-grid">
          <Chargers place={found} />
          <WalkIn place={found} />
          <Prices place={found} />
          <Terms place={found} />
        </div>
      </div>
    </div>
  );
}

function Photos({ place }: { place: Place }) {
  const photos = useQuery({
    queryKey: ["photos", place.id],
    queryFn: async () =>
      (await ok(api.GET("/api/v1/stations/locations/{location_id}/photos", { params: { path: { location_id: place.id } } })))
        .items,
  });
  if (!photos.data?.length) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <ul className="photos" aria-label={t("place.photos", { name: place.name })} tabIndex={0}>
      {photos.data.map((photo) => (
        <li key={photo.id}>
          <img
            src={photo.url}
            alt={photo.caption ?? t("place.photo", { name: place.name })}
            loading="lazy"
            width={photo.width}
            height={photo.height}
          />
        </li>
      ))}
    </ul>
  );
}

function Chargers({ place }: { place: Place }) {
  const forecast = useQuery({
    queryKey: ["forecast", place.id],
    refetchInterval: 60_000,
    queryFn: () =>
      ok(
        api.GET("/api/v1/optimizer/forecasts/{location_id}", {
          params: { path: { location_id: place.id }, query: { horizon: 60 } },
        }),
      ),
  });
  return (
    <section className="panel" aria-labelledby="chargers">
      <h2 id="chargers">{t("place.chargers")}</h2>
      <ul className="rows">
        {place.evses
          .filter(({ status }) => status !== "REMOVED")
          .map((evse) => {
            const kind = kindOfStatus(evse.status);
            return (
              <li key={evse.id}>
                <span>
                  <b className="num">{evse.uid}</b>
                  <small>
                    {evse.connectors
                      .map((plug) => t("place.plug", { plug: word("plug", plug.standard), power: kw(plug.max_power_kw) }))
                      .join(" · ")}
                  </small>
                </span>
                <span className={`tag ${kind}`}>
                  <StateGlyph kind={kind} />
                  {word("status", evse.status)}
                </span>
              </li>
            );
          })}
      </ul>
      {forecast.data?.items.map((item) => (
        <p className="fine" key={item.power_class}>
          {t(item.source === "MODEL" ? "place.chance" : "place.chanceGuess", {
            power: word("class", item.power_class),
            time: clock(item.target_time, place.time_zone),
            chance: percent(item.p_free),
          })}
        </p>
      ))}
    </section>
  );
}

function Prices({ place }: { place: Place }) {
  const tariffs = (place.tariffs ?? {}) as Record<string, Schema<"Tariff">>;
  return (
    <section className="panel" aria-labelledby="prices">
      <h2 id="prices">{t("place.prices")}</h2>
      {place.pools.map((pool) => (
        <div key={pool.connector + pool.power_class}>
          <h3>{t("place.plug", { plug: word("plug", pool.connector), power: kw(pool.power_kw) })}</h3>
          {pool.tariff_id && tariffs[pool.tariff_id] ? (
            <TariffLines tariff={tariffs[pool.tariff_id]!} />
          ) : (
            <p>{t(pool.price === "FREE" ? "place.free" : "place.priceUnknown")}</p>
          )}
        </div>
      ))}
      <p className="fine">{t("place.withTax")}</p>
    </section>
  );
}

function Terms({ place }: { place: Place }) {
  const terms = useQuery(termsQuery(place.id));
  if (!terms.data) return null;
  return (
    <section className="panel" aria-labelledby="terms">
      <h2 id="terms">{t("place.terms")}</h2>
      <ul className="rows" lang="en">
        {terms.data.sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </section>
  );
}
