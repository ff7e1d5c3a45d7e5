import { type ReactNode, useState } from "react";
import "../styles/host.css";
import { t } from "../texts";

/** A drawing with what it finds in words, and the table of the same figures a press away. */
export function Figure({
  title,
  finding,
  table,
  children,
}: {
  title: string;
  finding: string;
  table: ReactNode;
  children: ReactNode;
}) {
  const [isTable, setTable] = useState(false);
  return (
    <section className="panel" aria-label={title}>
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
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll sideways, so the keyboard must reach it
        <section className="scroll" tabIndex={0} aria-label={finding}>
          {table}
        </section>
      ) : (
        <figure>
          {children}
          <figcaption className="fine">{finding}</figcaption>
        </figure>
      )}
    </section>
  );
}
