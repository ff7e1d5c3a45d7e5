import { onlineManager, QueryClient } from "@tanstack/react-query";
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, type RouteComponent } from "@tanstack/react-router";
import type { ComponentType } from "react";
import { readNext } from "../account/next";
import { readPeopleSearch } from "../admin/search";
import { api, Problem, type Schema } from "../api/client";
import { readShow } from "../driver/bookings-search";
import { readUnread } from "../driver/inbox-search";
import { readStationSearch } from "../driver/stations-search";
import { readHostedSearch, readHostSearch, readReportSearch } from "../host/search";
import { Failure } from "../parts/notices";
import { NotFound, Private, type Role } from "./guard";
import { Shell } from "./shell";

onlineManager.setOnline(navigator.onLine); // it hears of changes only: a page that began without a line would wait for ever
export const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 15_000, retry: (count, error) => (error instanceof Problem ? error.isOpen && count < 3 : count < 1) },
  },
});

type Page = () => Promise<{ default: ComponentType }>;
const open = (load: Page): RouteComponent => lazyRouteComponent(load);
function guarded(load: Page, role?: Role): RouteComponent {
  const Inner = lazyRouteComponent(load) as ComponentType;
  // biome-ignore lint/correctness/noComponentHookFactories: called once a route, while the module loads
  return function Guarded() {
    return (
      <Private role={role}>
        <Inner />
      </Private>
    );
  };
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: ({ error }) => <Failure error={error} again={() => location.reload()} />,
});
const near = createRoute({ getParentRoute: () => root, id: "near", component: open(() => import("../driver/near")) });

/** Leaving an offer gives its place back: a place held for nobody is missing to somebody. */
function withdraw({ params }: { params: { request: string } }) {
  const request = queries.getQueryData<Schema<"ChargeRequest">>(["request", params.request]);
  if (request?.status !== "OFFERED" && request?.status !== "QUEUED") return;
  void api.POST("/api/v1/optimizer/charge-requests/{request_id}/cancel", {
    params: { path: { request_id: params.request } },
    keepalive: true,
  });
  queries.removeQueries({ queryKey: ["request", params.request] });
}

const charge = createRoute({ getParentRoute: () => near, path: "/", component: open(() => import("../driver/charge")) });
const stations = createRoute({
  getParentRoute: () => near,
  path: "/stations",
  validateSearch: readStationSearch,
  component: open(() => import("../driver/stations")),
});
const slot = createRoute({
  getParentRoute: () => near,
  path: "/slots/$request",
  onLeave: withdraw,
  component: guarded(() => import("../driver/slot")),
});
const place = createRoute({
  getParentRoute: () => root,
  path: "/places/$id",
  component: open(() => import("../driver/place")),
});
const bookings = createRoute({
  getParentRoute: () => root,
  path: "/bookings",
  validateSearch: readShow,
  component: guarded(() => import("../driver/bookings")),
});
const booking = createRoute({
  getParentRoute: () => root,
  path: "/bookings/$id",
  component: guarded(() => import("../driver/booking")),
});
const waitlist = createRoute({
  getParentRoute: () => root,
  path: "/waitlist",
  component: guarded(() => import("../driver/waitlist")),
});
const standing = createRoute({
  getParentRoute: () => root,
  path: "/me/standing",
  component: guarded(() => import("../driver/standing"), "driver"),
});
const preferences = createRoute({
  getParentRoute: () => root,
  path: "/me/preferences",
  component: guarded(() => import("../driver/preferences"), "driver"),
});
const inbox = createRoute({
  getParentRoute: () => root,
  path: "/inbox",
  validateSearch: readUnread,
  component: guarded(() => import("../driver/inbox")),
});
const me = createRoute({ getParentRoute: () => root, path: "/me", component: guarded(() => import("../account/me")) });
const vehicles = createRoute({
  getParentRoute: () => root,
  path: "/me/vehicles",
  component: guarded(() => import("../driver/vehicles")),
});
const security = createRoute({
  getParentRoute: () => root,
  path: "/me/security",
  component: guarded(() => import("../account/security")),
});
const data = createRoute({ getParentRoute: () => root, path: "/me/data", component: guarded(() => import("../account/data")) });
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: readNext,
  component: open(() => import("../account/sign-in")),
});
const register = createRoute({
  getParentRoute: () => root,
  path: "/register",
  component: open(() => import("../account/register")),
});
const forgot = createRoute({ getParentRoute: () => root, path: "/forgot", component: open(() => import("../account/forgot")) });

const today = createRoute({
  getParentRoute: () => root,
  path: "/host",
  validateSearch: readHostSearch,
  component: guarded(() => import("../host/today"), "owner"),
});
const places = createRoute({
  getParentRoute: () => root,
  path: "/host/places",
  component: guarded(() => import("../host/places"), "owner"),
});
const hosted = createRoute({
  getParentRoute: () => root,
  path: "/host/bookings",
  validateSearch: readHostedSearch,
  component: guarded(() => import("../host/bookings"), "owner"),
});
const reports = createRoute({
  getParentRoute: () => root,
  path: "/host/reports",
  validateSearch: readReportSearch,
  component: guarded(() => import("../host/reports"), "owner"),
});
const chargers = createRoute({
  getParentRoute: () => root,
  path: "/host/places/$id/chargers",
  component: guarded(() => import("../host/chargers"), "owner"),
});
const prices = createRoute({
  getParentRoute: () => root,
  path: "/host/places/$id/prices",
  component: guarded(() => import("../host/prices-page"), "owner"),
});
const terms = createRoute({
  getParentRoute: () => root,
  path: "/host/places/$id/terms",
  component: guarded(() => import("../host/terms"), "owner"),
});
const photos = createRoute({
  getParentRoute: () => root,
  path: "/host/places/$id/photos",
  component: guarded(() => import("../host/photos"), "owner"),
});
const staff = createRoute({
  getParentRoute: () => root,
  path: "/host/places/$id/people",
  component: guarded(() => import("../host/people"), "owner"),
});
const approvals = createRoute({
  getParentRoute: () => root,
  path: "/admin",
  component: guarded(() => import("../admin/approvals"), "admin"),
});
const approval = createRoute({
  getParentRoute: () => root,
  path: "/admin/approvals/$id",
  component: guarded(() => import("../admin/approval"), "admin"),
});
const people = createRoute({
  getParentRoute: () => root,
  path: "/admin/people",
  validateSearch: readPeopleSearch,
  component: guarded(() => import("../admin/people"), "admin"),
});
const person = createRoute({
  getParentRoute: () => root,
  path: "/admin/people/$id",
  component: guarded(() => import("../admin/person"), "admin"),
});
const health = createRoute({
  getParentRoute: () => root,
  path: "/admin/health",
  component: guarded(() => import("../admin/health"), "admin"),
});
const figures = createRoute({
  getParentRoute: () => root,
  path: "/admin/figures",
  component: guarded(() => import("../admin/figures"), "admin"),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: "/admin/audit",
  component: guarded(() => import("../admin/audit"), "admin"),
});

const tree = root.addChildren([
  near.addChildren([charge, stations, slot]),
  place,
  bookings,
  booking,
  waitlist,
  standing,
  preferences,
  inbox,
  me,
  vehicles,
  security,
  data,
  signIn,
  register,
  forgot,
  today,
  places,
  hosted,
  reports,
  chargers,
  prices,
  terms,
  photos,
  staff,
  approvals,
  approval,
  people,
  person,
  health,
  figures,
  audit,
]);

export const router = createRouter({ routeTree: tree, defaultPreload: "intent", scrollRestoration: true });
declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
