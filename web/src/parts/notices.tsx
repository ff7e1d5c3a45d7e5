import { type ReactNode, useEffect, useRef } from "react";
import { Offline, Problem } from "../api/client";
import { type Key, language, t } from "../texts";
import { dayAndClock, deviceZone } from "../texts/format";

/** What a person reads of a failure: the sentence of its code; of a lost connection its own. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Problem) return t(`error.${error.code}` as Key);
  if (error instanceof Offline) return t("error.OFFLINE");
  return t("error.INTERNAL");
}

/** A failure: its sentence, and what the server says more exactly, in the server's words. */
export function Failure({
  error,
  zone = deviceZone(),
  again,
  children,
}: {
  error: unknown;
  zone?: string;
  again?: () => void;
  children?: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    void box.current?.scrollIntoView({ block: "nearest" }); // newer browsers answer with a promise
  }, []);
  if (!error) return null;
  const problem = error instanceof Problem ? error : null;
  const lifts = problem?.body.lifts_at;
  const fields = (problem?.body.errors ?? []) as { field?: string; message?: string }[];
  return (
    <div className="notice bad" role="alert" ref={box}>
      <b>{sentenceOf(error)}</b>
      {problem && fields.length === 0 && problem.body.detail && language() === "en" && <p>{problem.body.detail}</p>}
      {fields.length > 0 && (
        <ul lang="en">
          {fields.map(({ field, message }) => (
            <li key={`${field}${message}`}>{t("error.field", { field: field ?? "", message: message ?? "" })}</li>
          ))}
        </ul>
      )}
      {lifts && <p>{t("error.lifts", { when: dayAndClock(lifts, zone) })}</p>}
      {children}
      {again && (
        <button type="button" className="btn small" onClick={again}>
          {t("action.again")}
        </button>
      )}
    </div>
  );
}

export function Loading({ label, rows = 3 }: { label: string; rows?: number }) {
  return (
    <div className="skeleton" role="status">
      <span className="vh">{label}</span>
      {Array.from({ length: rows }, (_, index) => (
        <i key={`row ${index + 1}`} />
      ))}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="empty">{children}</div>;
}
