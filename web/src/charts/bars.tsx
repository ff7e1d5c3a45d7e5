import { t } from "../texts";
import { number } from "../texts/format";
import { Figure } from "./figure";

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
  const step = (WIDE - AXIS) / Math.max(1, bars.length);
  const y = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / Math.max(1, most);
  const table = (
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
  );
  return (
    <Figure title={title} finding={finding} table={table}>
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
            <rect
              className="possible"
              x={AXIS + index * step + step / 8}
              y={TOP}
              width={(step * 3) / 4}
              height={BOTTOM - TOP}
              rx="4"
            />
            <rect
              className="amount"
              x={AXIS + index * step + step / 8}
              y={y(value)}
              width={(step * 3) / 4}
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
    </Figure>
  );
}
