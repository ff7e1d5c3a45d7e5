import { CSPProvider } from "@base-ui/react/csp-provider";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { api, ok } from "../api/client";
import { useMe } from "../api/queries";
import { useSession } from "../api/session";
import { Icon, type IconName, Mark } from "../parts/icons";
import { turnTheme } from "../parts/theme";
import { type Key, t, useLanguage } from "../texts";
import { Connection } from "./connection";
import { Update } from "./update";

const Consent = lazy(() => import("../account/consent"));

type Item = { to: string; text: Key; icon: IconName; exact?: boolean };
const DRIVER: Item[] = [
  { to: "/", text: "nav.charge", icon: "charge", exact: true },
  { to: "/bookings", text: "nav.bookings", icon: "bookings" },
  { to: "/inbox", text: "nav.inbox", icon: "inbox" },
  { to: "/me", text: "nav.me", icon: "me" },
];
const ITEMS: Record<string, Item[]> = {
  driver: DRIVER,
  owner: [
    { to: "/host", text: "nav.today", icon: "calendar", exact: true },
    { to: "/host/places", text: "nav.places", icon: "host" },
    { to: "/host/bookings", text: "nav.hosted", icon: "bookings" },
    { to: "/host/reports", text: "nav.reports", icon: "figures" },
    DRIVER[2]!,
    DRIVER[3]!,
  ],
  admin: [
    { to: "/admin", text: "nav.waiting", icon: "waiting", exact: true },
    { to: "/admin/people", text: "nav.people", icon: "people" },
    { to: "/admin/health", text: "nav.health", icon: "health" },
    { to: "/admin/figures", text: "nav.figures", icon: "figures" },
    { to: "/admin/audit", text: "nav.audit", icon: "audit" },
    DRIVER[3]!,
  ],
};
const STRANGER: Item[] = [
  DRIVER[0]!,
  { to: "/stations", text: "nav.stations", icon: "pin" },
  { to: "/sign-in", text: "nav.signIn", icon: "me" },
];

/** How many messages are unread; nobody signed in has none. */
function useUnread(): number {
  const state = useSession();
  const unread = useQuery({
    queryKey: ["inbox", "count"],
    enabled: state === "in",
    refetchInterval: 60_000,
    queryFn: async () =>
      (await ok(api.GET("/api/v1/notify/inbox", { params: { query: { unread: true, limit: 10 } } }))).items.length,
  });
  return unread.data ?? 0;
}

function Links({ items, unread }: { items: Item[]; unread: number }) {
  return items.map(({ to, text, icon, exact }) => (
    <Link key={to} to={to} activeOptions={{ exact: Boolean(exact), includeSearch: false }}>
      <span className="icon-with-dot">
        <Icon name={icon} />
        {to === "/inbox" && unread > 0 && (
          <span className="dot">
            <span className="vh">{t("nav.unread")}</span> {unread > 9 ? "9+" : unread}
          </span>
        )}
      </span>
      {t(text)}
    </Link>
  ));
}

/** What stands around every page: the bar above (below on phones), consent that is due, and the page itself. */
export function Shell() {
  useLanguage();
  const me = useMe();
  const state = useSession();
  const unread = useUnread();
  const items = state === "in" || state === "away" ? (ITEMS[me?.role ?? "driver"] ?? DRIVER) : STRANGER;
  return (
    <CSPProvider disableStyleElements>
      <div className="shell">
        <a className="skip" href="#main">
          {t("nav.skip")}
        </a>
        <header className="bar">
          <Link to="/" className="mark">
            <Mark />
            {t("app.name")}
          </Link>
          <nav aria-label={t("nav.main")}>
            <Links items={items} unread={unread} />
          </nav>
          <div className="who">
            <button type="button" className="round" aria-label={t("nav.theme")} onClick={turnTheme}>
              <Icon name="theme" />
            </button>
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          {me && me.to_accept.length > 0 && (
            <div className="page narrow">
              <Suspense>
                <Consent texts={me.to_accept} />
              </Suspense>
            </div>
          )}
          <Update />
          <Connection />
          <Outlet />
        </main>
        <nav className="tabs" aria-label={t("nav.bottom")}>
          <Links items={items} unread={unread} />
        </nav>
      </div>
    </CSPProvider>
  );
}
