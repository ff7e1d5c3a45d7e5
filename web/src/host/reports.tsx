import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { api, ok, type Schema } from "../api/client";
import { Bars } from "../charts/bars";
import { Heat } from "../charts/heat";
import { Chips } from "../parts/controls";
import { saveFile } from "../parts/file";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import "../styles/host.css";
import { Tile } from "../parts/tile";
import { t } from "../texts";
import { deviceZone, kwh, minutes, money, number, percent, unitOf, weekdays } from "../texts/format";
import { wallClock } from "../texts/zones";
import { busiest, byHourOfDay, byWeekdayAndHour, csv } from "./figures";
import { Ratings } from "./ratings";
import { RANGES, type Range } from "./search";

type Summed = Schema<"SummedOut">;
const DAY = 86_400_000;
const USUAL = 30;
const TENTH = 10;

const dayOf = (at: number): string => wallClock(at, deviceZone()).slice(0, 10);
const sums = (revenue: Record<string, number>): string =>
  Object.entries(revenue)
    .map(([currency, minor]) => money(minor, currency))
    .join(" + ") || "–";

/** What came of the owner's days: figures, by hour, by weekday and hour, by place, and what drivers say. */
export default function Reports() {
  const { days = USUAL }: { days?: Range } = useSearch({ from: "/host/reports" });
  const navigate = useNavigate();
  const now = Date.now();
  const query = { from: dayOf(now - days * DAY), to: dayOf(now + DAY), by: "weekday_hour" } as const;
  const summary = useQuery({
    queryKey: ["summary", query.from, query.to],
    staleTime: 300_000,
    queryFn: () => ok(api.GET("/api/v1/booking/hosted/summary", { params: { query } })),
  });
  const read = summary.data;
  return (
    <div className="page">
      <div className="head">
        <Title text={t("reports.title")} />
        <Chips
          legend={t("reports.days")}
          look="fit"
          items={RANGES.map((value) => ({ value: String(value), label: t("reports.last", { days: unitOf("day", value) }) }))}
          value={String(days)}
          onChange={(value) => void navigate({ to: "/host/reports", search: { days: Number(value) as Range }, replace: true })}
        />
      </div>
      {summary.error && <Failure error={summary.error} again={() => void summary.refetch()} />}
      {summary.isLoading && <Loading label={t("reports.loading")} rows={4} />}
      {read && read.locations.length === 0 && <Empty>{t("reports.none")}</Empty>}
      {read && read.locations.length > 0 && <Figures summary={read} />}
      <Ratings />
    </div>
  );
}

function Figures({ summary }: { summary: Schema<"SummaryOut"> }) {
  const { total } = summary;
  const week = byWeekdayAndHour(summary.buckets);
  const top = busiest(week);
  const names = weekdays();
  const hours = byHourOfDay(summary.buckets);
  const fullest = hours.reduce<number>((best, value, hour) => ((value ?? 0) > (hours[best] ?? 0) ? hour : best), 0);
  const clock = (hour: number) => `${String(hour).padStart(2, "0")}:00`;
  return (
    <>
      {summary.days_missing > 0 && <p className="notice">{t("reports.missing", { count: summary.days_missing })}</p>}
      <dl className="tiles4 num">
        <Tile
          isFirst
          label={t("reports.utilisation")}
          value={total.utilisation === null ? "–" : percent(total.utilisation)}
          more={t("reports.ofOpen")}
        />
        <Tile label={t("reports.revenue")} value={sums(total.revenue)} more={kwh(total.kwh)} />
        <Tile
          label={t("reports.sessions")}
          value={number(total.sessions)}
          more={t("reports.noShows", { count: total.no_shows })}
        />
        <Tile
          label={t("host.frozen")}
          value={minutes(total.frozen_minutes)}
          more={t("reports.overstay", { time: minutes(total.overstay_minutes) })}
        />
      </dl>
      <div className="two">
        <Heat
          title={t("reports.byWeek")}
          finding={
            top
              ? t("reports.busiestAt", { day: names[top.day]!, time: clock(top.hour), share: percent(top.share) })
              : t("reports.quiet")
          }
          rows={week.map((values, day) => ({ label: names[day]!, values }))}
          corner={t("reports.weekday")}
        />
        <Bars
          title={t("reports.byHour")}
          finding={
            top ? t("reports.busiestHour", { time: clock(fullest), share: percent(hours[fullest] ?? 0) }) : t("reports.quiet")
          }
          bars={hours.map((value, hour) => ({ label: clock(hour), value: (value ?? 0) * 100 }))}
          most={top ? Math.min(100, Math.ceil(((hours[fullest] ?? 0) * 100) / TENTH) * TENTH) : 100}
          unit={t("reports.share")}
        />
      </div>
      <Places summary={summary} />
    </>
  );
}

const COLUMNS = [
  { head: "reports.sessions", of: ({ sessions }: Summed) => number(sessions) },
  { head: "reports.revenue", of: ({ revenue }: Summed) => sums(revenue) },
  { head: "reports.share", of: ({ utilisation }: Summed) => (utilisation === null ? "–" : number(utilisation * 100)) },
  { head: "reports.frozen", of: ({ frozen_minutes }: Summed) => number(frozen_minutes) },
] as const;

/** Every place's figures with their sum, and a file of the same rows. */
function Places({ summary }: { summary: Schema<"SummaryOut"> }) {
  const rows: (Summed & { key: string; name: string })[] = [
    ...summary.locations.map((place) => ({ ...place, key: place.location_id })),
    { ...summary.total, key: "total", name: t("reports.all") },
  ];
  function save() {
    const head = ["place", "sessions", "no_shows", "kwh", "revenue", "utilisation", "frozen_minutes", "overstay_minutes"];
    const lines = rows.map((row) => [
      row.name,
      row.sessions,
      row.no_shows,
      row.kwh,
      Object.entries(row.revenue)
        .map(([currency, minor]) => `${minor} ${currency} minor`)
        .join(" + "),
      row.utilisation ?? "",
      row.frozen_minutes,
      row.overstay_minutes,
    ]);
    saveFile(new Blob([csv([head, ...lines])], { type: "text/csv" }), `places-${summary.from}-${summary.to}.csv`);
  }
  return (
    <section className="panel" aria-labelledby="by-place">
      <header>
        <h2 id="by-place">{t("reports.places")}</h2>
        <button type="button" className="btn small" onClick={save}>
          {t("reports.file")}
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll sideways, so the keyboard must reach it */}
      <section className="scroll" tabIndex={0} aria-label={t("chart.table")}>
        <table className="twin num">
          <thead>
            <tr>
              <th scope="col">{t("reports.place")}</th>
              {COLUMNS.map(({ head }) => (
                <th key={head} scope="col">
                  {t(head)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key}>
                <th scope="row">{row.name}</th>
                {COLUMNS.map(({ head, of }) => (
                  <td key={head}>{of(row)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
