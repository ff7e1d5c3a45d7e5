import { useState } from "react";
import "../styles/host.css";
import { t } from "../texts";
import { number } from "../texts/format";

export type Bar = { label: string; value: number };
const WIDE = 640;
const TOP = 8;
const BOTTOM = 218;
const AXIS = 34;

/** Bars of amounts against what is possible, with the table of the same figures a press away. */
export function Bars({
  title,
  finding,
  bars,
  most,
  unit,
}: {
  title: string;
  finding: string;
  bars: Bar[];
  most: number;
  unit: string;
}) {
  const [isTable, setTable] = useState(false);
  const step = (WIDE - AXIS) / Math.max(1, bars.length);
  const y = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / Math.max(1, most);
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
        <fieldset className="segment">
          <legend className="vh">{t("chart.as")}</legend>
          <button type="button" aria-pressed={!isTable} onClick={() => setTable(false)}>
            {t("chart.chart")}
          </button>
          <button type="button" aria-pressed={isTable} onClick={() => setTable(true)}>
            {t("chart.table")}
          </button>
        </fieldset>
      </header>
      {isTable ? (
        <table className="twin num">
          <thead>
            <tr>
              <th scope="col">{t("chart.hour")}</th>
              <th scope="col">{unit}</th>
            </tr>
          </thead>
          <tbody>
            {bars.map(({ label, value }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{number(value, 2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <figure>
          <svg className="chart" viewBox={`0 0 ${WIDE} 246`} role="img" aria-label={finding}>
            {[0, most / 2, most].map((value) => (
              <g key={value}>
                <path className="grid-line" d={`M${AXIS} ${y(value)}H${WIDE}`} />
                <text x={AXIS - 8} y={y(value) + 4} textAnchor="end">
                  {number(value, 1)}
                </text>
              </g>
            ))}
            {bars.map(({ label, value }, index) => (
              <g key={label}>
                <rect className="possible" x={AXIS + index * step + 4} y={TOP} width={step - 8} height={BOTTOM - TOP} rx="4" />
                <rect
                  className="amount"
                  x={AXIS + index * step + 4}
                  y={y(value)}
                  width={step - 8}
                  height={Math.max(0, BOTTOM - y(value))}
                  rx="3"
                />
                {index % 2 === 0 && (
                  <text x={AXIS + index * step + step / 2} y="238" textAnchor="middle">
                    {label.slice(0, 2)}
                  </text>
                )}
              </g>
            ))}
          </svg>
          <figcaption className="fine">{finding}</figcaption>
        </figure>
      )}
    </section>
  );
}
