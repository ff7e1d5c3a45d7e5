import { t } from "../texts";
import { number, percent } from "../texts/format";
import { Figure } from "./figure";

export type Bin = { said: number; came: number; count: number };
const SIDE = 260;
const AXIS = 40;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** How often a chance that was said came true: on the line it was right. Points as large as they were often said. */
export function Reliability({ title, finding, bins }: { title: string; finding: string; bins: Bin[] }) {
  const x = (share: number) => AXIS + SIDE * share;
  const y = (share: number) => 10 + SIDE * (1 - share);
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const table = (
    <table className="twin num">
      <thead>
        <tr>
          <th scope="col">{t("figures.said")}</th>
          <th scope="col">{t("figures.came")}</th>
          <th scope="col">{t("figures.count")}</th>
        </tr>
      </thead>
      <tbody>
        {bins.map(({ said, came, count }) => (
          <tr key={said}>
            <th scope="row">{number(said * 100)}</th>
            <td>{number(came * 100)}</td>
            <td>{number(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
  return (
    <Figure title={title} finding={finding} table={table}>
      <svg className="chart square" viewBox={`0 0 ${AXIS + SIDE + 16} ${SIDE + 40}`} role="img" aria-label={finding}>
        {TICKS.map((share) => (
          <g key={share}>
            <path className="grid-line" d={`M${AXIS} ${y(share)}H${AXIS + SIDE}`} />
            <text x={AXIS - 6} y={y(share) + 4} textAnchor="end">
              {percent(share)}
            </text>
            <text x={x(share)} y={SIDE + 30} textAnchor="middle">
              {percent(share)}
            </text>
          </g>
        ))}
        <path className="right" d={`M${x(0)} ${y(0)}L${x(1)} ${y(1)}`} />
        <polyline className="line" points={bins.map(({ said, came }) => `${x(said)},${y(came)}`).join(" ")} />
        {bins.map(({ said, came, count }) => (
          <circle key={said} className="amount" cx={x(said)} cy={y(came)} r={3 + 5 * Math.sqrt(count / most)} />
        ))}
      </svg>
    </Figure>
  );
}
