import L from "leaflet";
import "leaflet/dist/leaflet.css";
import { useEffect, useRef } from "react";
import "../styles/map.css";
import { t, useLanguage } from "../texts";
import { clock, km } from "../texts/format";
import { merge, REST } from "./merge";
import { bold, bolt, box, glyph } from "./pins";
import { kindOf, placesOf, type Station } from "./stations";

export type Point = { lat: number; lon: number };
/** A time at a place that is offered; the first is the one chosen. */
export type Offered = { location_id: string; start: string };
type Tiles = { url: string; attribution: string } | null;
type Props = {
  origin: Point;
  stations: Station[];
  offers: Offered[];
  tiles: Tiles;
  onPick: (id: string) => void;
  onMove?: (to: Point) => void;
};

const RINGS_KM = [4, 2, 1, 0.5];
const KM_A_DEGREE = 111.2;
const LEAST_NAMED_PX = 60;
const NARROW_PX = 720;

/** The ground: the driver in the middle, and rings at known distances, or tiles where there are some. */
function drawGround(map: L.Map, origin: Point, tiles: Tiles) {
  const group = L.layerGroup().addTo(map);
  if (tiles) L.tileLayer(tiles.url, { attribution: tiles.attribution }).addTo(group);
  for (const [index, radius] of tiles ? [] : RINGS_KM.entries()) {
    L.circle([origin.lat, origin.lon], {
      radius: radius * 1000,
      weight: 1.25,
      opacity: 0.4,
      dashArray: index % 2 ? "2 6" : "",
      interactive: false,
      className: "ring",
    }).addTo(group);
    const name = L.divIcon({ className: "ring-name", iconSize: [60, 16], html: box("", km(radius)) });
    const label = L.marker([origin.lat - radius / KM_A_DEGREE, origin.lon], {
      interactive: false,
      keyboard: false,
      icon: name,
    }).addTo(group);
    // Where rings lie close on the screen, the inner ones go without their names.
    const hide = () =>
      label.setOpacity(map.project(label.getLatLng()).y - map.project([origin.lat, origin.lon]).y < LEAST_NAMED_PX ? 0 : 1);
    map.on("zoomend", hide);
    hide();
  }
  L.marker([origin.lat, origin.lon], {
    interactive: false,
    keyboard: false,
    zIndexOffset: -900,
    icon: L.divIcon({ className: "self", iconSize: [22, 22], html: box("") }),
  }).addTo(group);
  return group;
}

function drawPins(map: L.Map, group: L.LayerGroup, { stations, offers, onPick }: Props) {
  group.clearLayers();
  const isNarrow = map.getSize().x < NARROW_PX;
  const byId = new Map(stations.map((station) => [station.id, station]));
  const rankOf = (id: string) => {
    const rank = offers.findIndex((offer) => offer.location_id === id);
    return rank < 0 ? REST : rank;
  };
  const spots = stations.map((station) => {
    const { x, y } = map.latLngToContainerPoint([station.latitude, station.longitude]);
    const rank = rankOf(station.id);
    const width = rank === 0 ? 92 + (isNarrow ? 0 : 8.5 * Math.min(15, station.name.length)) : rank < REST ? 62 : 46;
    const tall = rank === 0 ? 22 : 17;
    return { id: station.id, left: x - 24, top: y - tall, right: x - 22 + width, bottom: y + tall, rank };
  });
  const size = map.getSize();
  for (const { lead, members, rank } of merge(spots, {
    left: 0,
    top: 0,
    right: size.x,
    bottom: size.y - (isNarrow ? 26 : 0),
  })) {
    const station = byId.get(lead)!;
    const offer = offers[rank];
    const kind = members.map((id) => kindOf(byId.get(id)!)).includes("go") ? "go" : kindOf(station);
    const places = members.reduce((sum, id) => sum + placesOf(byId.get(id)!), 0);
    const others = members.length - 1;
    let label: string;
    let inner: (Node | string)[];
    if (offer) {
      const time = clock(offer.start, station.time_zone);
      label = t(rank === 0 ? "map.best" : "map.other", { name: station.name, time });
      inner = rank === 0 ? [bolt(), time, ...(isNarrow ? [] : [bold(shorten(station.name))])] : [time];
    } else if (others) {
      label = t("map.many", { count: members.length, places });
      inner = [glyph(kind), t("map.placesIn", { places, count: members.length })];
    } else {
      label = t("map.one", {
        name: station.name,
        places,
        state: t(`near.${kind}` as "near.go"),
        distance: km(station.distance_km),
      });
      inner = [glyph(kind), String(places)];
    }
    const look = offer ? (rank === 0 ? "chosen" : "other") : others ? `${kind} many` : kind;
    const content = box("", ...inner);
    content.style.display = "contents";
    const marker = L.marker([station.latitude, station.longitude], {
      icon: L.divIcon({ className: `pin ${look}`, iconSize: [44, 30], html: content }),
      keyboard: true,
      zIndexOffset: offer ? 1000 - rank : 0,
    }).addTo(group);
    const element = marker.getElement()!;
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", label);
    element.title = label;
    const open = () => {
      if (others && !offer)
        map.flyToBounds(L.latLngBounds(members.map((id) => [byId.get(id)!.latitude, byId.get(id)!.longitude])).pad(0.6));
      else onPick(lead);
    };
    marker.on("click", open);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      open();
    });
  }
}

const shorten = (name: string) => (name.length > 15 ? `${name.slice(0, 14).trimEnd()}…` : name);

/** A curve from the driver to the chosen place. */
function drawWay(group: L.LayerGroup, origin: Point, to: Station) {
  const up = to.latitude - origin.lat;
  const over = to.longitude - origin.lon;
  const points = Array.from({ length: 33 }, (_, index) => {
    const share = index / 32;
    const bend = 0.72 * share * (1 - share);
    return L.latLng(origin.lat + up * share + over * bend * 0.6, origin.lon + over * share - up * bend * 1.6);
  });
  L.polyline(points, { className: "way", weight: 4, dashArray: "1 9", lineCap: "round", interactive: false }).addTo(group);
}

/** The near-view. Everything it shows stands in a list beside it too. */
export default function NearMap(props: Props) {
  const { origin, stations, offers, tiles, onMove } = props;
  const spoken = useLanguage();
  const place = useRef<HTMLDivElement>(null);
  const map = useRef<L.Map | null>(null);
  const pins = useRef<L.LayerGroup | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const { lat, lon } = origin;
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew in another language; what is drawn is read from the latest properties
  useEffect(() => {
    const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const shown = L.map(place.current!, {
      center: [lat, lon],
      zoom: 14,
      zoomControl: false,
      attributionControl: Boolean(tiles),
      zoomSnap: 0.25,
      zoomAnimation: smooth,
      fadeAnimation: smooth,
    });
    L.control.zoom({ position: "topright", zoomInTitle: t("map.in"), zoomOutTitle: t("map.out") }).addTo(shown);
    drawGround(shown, { lat, lon }, tiles);
    pins.current = L.layerGroup().addTo(shown);
    map.current = shown;
    shown.on("moveend resize", () => draw());
    shown.on("click", ({ latlng }) => latest.current.onMove?.({ lat: latlng.lat, lon: latlng.lng }));
    const watch = new ResizeObserver(() => shown.invalidateSize({ pan: false }));
    watch.observe(place.current!);
    return () => {
      watch.disconnect();
      shown.remove();
    };
  }, [lat, lon, tiles, spoken]);
  function draw() {
    const now = latest.current;
    drawPins(map.current!, pins.current!, now);
    const best = now.stations.find((station) => station.id === now.offers[0]?.location_id);
    if (best) drawWay(pins.current!, now.origin, best);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn is read from the latest properties
  useEffect(draw, [stations, offers, lat, lon, tiles, spoken]);
  const ends = offers
    .map((offer) => stations.find((station) => station.id === offer.location_id))
    .filter((station) => station !== undefined);
  const key = ends.map((station) => station.id).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it flies when other places are offered, not when they are read anew
  useEffect(() => {
    const shown = map.current!;
    if (ends.length === 0) return;
    const bounds = L.latLngBounds([
      [lat, lon],
      ...ends.map((station) => [station.latitude, station.longitude] as [number, number]),
    ]);
    const wide = place.current!.clientWidth > 500;
    shown.flyToBounds(bounds.pad(0.08), {
      duration: 0.6,
      maxZoom: 15,
      animate: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      paddingTopLeft: [40, 34],
      paddingBottomRight: [wide ? 230 : 90, 66],
    });
  }, [key, lat, lon]);
  return <div ref={place} className={`map ${onMove ? "picking" : ""}`} />;
}
