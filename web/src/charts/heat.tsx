import { t } from "../texts";
import { number } from "../texts/format";
import { Figure } from "./figure";

export type HeatRow = { label: string; values: (number | null)[] };
const CELL = 24;
const AXIS = 64;
const GAP = 2;
const HOURS = 24;

/** A week by hour: darker is more, of 1 at most; nothing is drawn where nothing is known. With its table. */
export function Heat({ title, finding, rows, corner }: { title: string; finding: string; rows: HeatRow[]; corner: string }) {
  const hours = Array.from({ length: HOURS }, (_, hour) => String(hour).padStart(2, "0"));
  const high = rows.length * CELL + 20;
  const table = (
    <table className="twin num">
      <thead>
        <tr>
          <th scope="col">{corner}</th>
          {hours.map((hour) => (
            <th key={hour} scope="col">
              {hour}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ label, values }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {hours.map((hour, index) => (
              <td key={hour}>{values[index] == null ? "–" : number(values[index] * 100)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
  return (
    <Figure title={title} finding={finding} table={table}>
      <svg className="chart" viewBox={`0 0 ${AXIS + HOURS * CELL} ${high}`} role="img" aria-label={finding}>
        {rows.map(({ label, values }, row) => (
          <g key={label}>
            <text x={AXIS - 8} y={row * CELL + CELL / 2 + 4} textAnchor="end">
              {label}
            </text>
            {hours.map((hour, index) => (
              <g key={hour}>
                <rect
                  className="possible"
                  x={AXIS + index * CELL + GAP}
                  y={row * CELL + GAP}
                  width={CELL - 2 * GAP}
                  height={CELL - 2 * GAP}
                  rx="4"
                />
                <rect
                  className="amount"
                  x={AXIS + index * CELL + GAP}
                  y={row * CELL + GAP}
                  width={CELL - 2 * GAP}
                  height={CELL - 2 * GAP}
                  rx="4"
                  fillOpacity={values[index] ?? 0}
                />
              </g>
            ))}
          </g>
        ))}
        {hours.map((hour, index) =>
          index % 3 === 0 ? (
            <text key={hour} x={AXIS + index * CELL + CELL / 2} y={high - 4} textAnchor="middle">
              {hour}
            </text>
          ) : null,
        )}
      </svg>
      <p className="fine">{t("chart.heat")}</p>
    </Figure>
  );
}
