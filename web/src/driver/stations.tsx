import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { api, ok } from "../api/client";
import { PLUGS } from "../api/plugs";
import { useConfig } from "../api/queries";
import { kindOf, placesOf, powerOf, type Station } from "../map/stations";
import { Choice } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { StateGlyph } from "../parts/states";
import { t, word } from "../texts";
import { km, kw } from "../texts/format";
import { From } from "./from";
import { DEMO_CENTRE, useOrigin } from "./origin";
import { DEFAULT_KM, POWERS_KW, type StationSearch, WITHIN_KM } from "./stations-search";

const FORECAST_MS = 15 * 60_000;

/** Stations by distance: the map's twin, with filters that are in the address. */
export default function Stations() {
  const config = useConfig();
  const kept = useOrigin();
  const origin = kept ?? (config?.demo ? DEMO_CENTRE : null);
  const { plug, power, within } = useSearch({ from: "/near/stations" });
  const navigate = useNavigate({ from: "/stations" });
  const filter = (part: StationSearch) => void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const stations = useQuery({
    queryKey: ["stations", origin?.lat, origin?.lon, plug, power, within],
    enabled: origin !== null,
    refetchInterval: 30_000,
    queryFn: async () => {
      const p_free_at = new Date(Date.now() + FORECAST_MS).toISOString();
      const query = {
        latitude: origin!.lat,
        longitude: origin!.lon,
        radius_km: within ?? DEFAULT_KM,
        limit: 50,
        p_free_at,
        ...(plug && { connector: plug }),
        ...(power && { min_power_kw: power }),
      };
      return (await ok(api.GET("/api/v1/stations/locations", { params: { query } }))).items;
    },
  });
  return (
    <>
      <Link to="/" className="back">
        <Icon name="back" />
        {t("stations.back")}
      </Link>
      <Title text={t("stations.title")} />
      <From origin={origin} />
      <div className="pair">
        <Choice
          label={t("stations.plug")}
          value={plug ?? ""}
          onChange={(event) => filter({ plug: (event.target.value || undefined) as StationSearch["plug"] })}
        >
          <option value="">{t("stations.anyPlug")}</option>
          {PLUGS.map((known) => (
            <option key={known} value={known}>
              {word("plug", known)}
            </option>
          ))}
        </Choice>
        <Choice
          label={t("stations.power")}
          value={power ?? ""}
          onChange={(event) => filter({ power: Number(event.target.value) || undefined })}
        >
          <option value="">{t("stations.anyPower")}</option>
          {POWERS_KW.map((least) => (
            <option key={least} value={least}>
              {t("stations.powerFrom", { power: kw(least) })}
            </option>
          ))}
        </Choice>
        <Choice
          label={t("stations.within")}
          value={within ?? DEFAULT_KM}
          onChange={(event) => filter({ within: Number(event.target.value) })}
        >
          {WITHIN_KM.map((most) => (
            <option key={most} value={most}>
              {km(most)}
            </option>
          ))}
        </Choice>
      </div>
      {stations.error && <Failure error={stations.error} again={() => void stations.refetch()} />}
      {stations.isLoading && <Loading label={t("stations.loading")} />}
      {stations.data && <p role="status">{t("stations.count", { count: stations.data.length })}</p>}
      {stations.data?.length === 0 && (
        <Empty>
          <p>{t("stations.none")}</p>
          <button type="button" className="btn" onClick={() => filter({ plug: undefined, power: undefined, within: 50 })}>
            {t("stations.widen")}
          </button>
        </Empty>
      )}
      <ul className="cards">
        {stations.data?.map((station) => (
          <li key={station.id}>
            <StationCard station={station} />
          </li>
        ))}
      </ul>
    </>
  );
}

function StationCard({ station }: { station: Station }) {
  const kind = kindOf(station);
  return (
    <Link to="/places/$id" params={{ id: station.id }} className="card timed num">
      <span className="t">{km(station.distance_km)}</span>
      <span>
        <span className="n">{station.name}</span>
        <span className="d">{t("stations.line", { address: station.address, places: placesOf(station) })}</span>
      </span>
      <span className="p">
        <span className={`tag ${kind}`}>
          <StateGlyph kind={kind} />
          {t(`near.word.${kind}` as "near.word.go")}
        </span>
        <small>{kw(powerOf(station))}</small>
      </span>
    </Link>
  );
}
