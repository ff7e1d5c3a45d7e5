import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { Reliability } from "../charts/reliability";
import { Choice } from "../parts/controls";
import { Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import "../styles/host.css";
import { t, word } from "../texts";
import { day, minutes, number } from "../texts/format";

const WEEKS = 8;

/** Whether promises are kept, decisions help and forecasts come true, by week. */
export default function Figures() {
  return (
    <div className="page">
      <Title text={t("figures.title")} />
      <Weeks />
      <Forecasts />
    </div>
  );
}

const COLUMNS = [
  { head: "figures.planned", of: ({ promises }: Week) => number(promises.planned) },
  { head: "figures.kept", of: ({ promises }: Week) => number(promises.kept) },
  { head: "figures.withdrawn", of: ({ promises }: Week) => number(promises.withdrawn) },
  { head: "figures.missed", of: ({ promises }: Week) => number(promises.missed) },
  { head: "figures.stars", of: ({ ratings }: Week) => shown(ratings.average, 1) },
  { head: "figures.decided", of: ({ decisions }: Week) => number(decisions.decided) },
  { head: "figures.saved", of: ({ decisions }: Week) => shown(decisions.saved_minutes, 1) },
  { head: "figures.brier", of: ({ forecasts }: Week) => shown(forecasts.brier, 3) },
] as const;
type Week = Schema<"WeekOut">;
const shown = (value: number | null, digits: number): string => (value === null ? "–" : number(value, digits));

function Weeks() {
  const evaluation = useQuery({
    queryKey: ["evaluation", WEEKS],
    staleTime: 300_000,
    queryFn: () => ok(api.GET("/api/v1/administration/evaluation", { params: { query: { weeks: WEEKS } } })),
  });
  if (evaluation.error) return <Failure error={evaluation.error} again={() => void evaluation.refetch()} />;
  if (!evaluation.data) return <Loading label={t("figures.loading")} />;
  const { weeks } = evaluation.data;
  return (
    <section className="panel" aria-labelledby="weeks">
      <h2 id="weeks">{t("figures.promises")}</h2>
      {weeks.length === 0 ? (
        <p>{t("figures.noWeeks")}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll sideways, so the keyboard must reach it
        <section className="scroll" tabIndex={0} aria-label={t("chart.table")}>
          <table className="twin num">
            <thead>
              <tr>
                <th scope="col">{t("figures.week")}</th>
                {COLUMNS.map(({ head }) => (
                  <th key={head} scope="col">
                    {t(head)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {weeks.map((week) => (
                <tr key={week.week}>
                  <th scope="row">{day(`${week.week}T12:00Z`, "UTC")}</th>
                  {COLUMNS.map(({ head, of }) => (
                    <td key={head}>{of(week)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Forecasts() {
  const [index, setIndex] = useState(0);
  const reliability = useQuery({
    queryKey: ["reliability", WEEKS],
    staleTime: 300_000,
    queryFn: () => ok(api.GET("/api/v1/optimizer/forecasts/reliability", { params: { query: { weeks: WEEKS } } })),
  });
  if (reliability.error) return <Failure error={reliability.error} again={() => void reliability.refetch()} />;
  if (!reliability.data) return <Loading label={t("figures.loading")} />;
  const rows = reliability.data.items;
  const row = rows[index];
  if (!row)
    return (
      <section className="panel" aria-labelledby="reliability">
        <h2 id="reliability">{t("figures.reliability")}</h2>
        <p>{t("figures.noForecasts")}</p>
      </section>
    );
  const about = (of: Schema<"ReliabilityRow">) => ({
    source: word("source", of.source),
    minutes: minutes(of.horizon_minutes),
    error: t("unit.points", { value: number(of.ece * 100, 1) }),
    count: number(of.forecasts),
  });
  return (
    <>
      <Choice label={t("figures.which")} value={index} onChange={(event) => setIndex(Number(event.target.value))}>
        {rows.map((known, position) => (
          <option key={`${known.source}${known.horizon_minutes}${known.model_version}`} value={position}>
            {t("figures.row", about(known))}
          </option>
        ))}
      </Choice>
      <Reliability
        title={t("figures.reliability")}
        finding={t("figures.reliable", about(row))}
        bins={row.bins
          .filter(({ forecasts }) => forecasts > 0)
          .map((bin) => ({ said: bin.p_free_mean, came: bin.came_free, count: bin.forecasts }))}
      />
    </>
  );
}
