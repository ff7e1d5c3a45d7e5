/** State is told by shape first, colour second, the word third. */
export const KINDS = ["go", "some", "none", "dead", "reserved", "unknown"] as const;
export type Kind = (typeof KINDS)[number];

type Shape = { d: string; filled: boolean };
const RING = "M8 2.4a5.6 5.6 0 1 1 0 11.2a5.6 5.6 0 1 1 0-11.2z";
export const SHAPES: Record<Kind, Shape[]> = {
  go: [{ d: "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13z", filled: true }],
  some: [
    { d: RING, filled: false },
    { d: "M8 2.4a5.6 5.6 0 0 1 0 11.2z", filled: true },
  ],
  none: [{ d: RING, filled: false }],
  dead: [{ d: "M3 3l10 10M13 3 3 13", filled: false }],
  reserved: [{ d: "M8 1.5 14.5 8 8 14.5 1.5 8z", filled: true }],
  unknown: [{ d: "M4.8 5.4a3.2 3.2 0 1 1 4.6 2.9c-1 .5-1.4 1-1.4 2M8 13.2v.4", filled: false }],
};

export function StateGlyph({ kind }: { kind: Kind }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" strokeWidth="2.4" strokeLinecap="round">
      {SHAPES[kind].map(({ d, filled }) => (
        <path key={d} d={d} fill={filled ? "currentColor" : "none"} stroke={filled ? "none" : "currentColor"} />
      ))}
    </svg>
  );
}

/** The kind that an EVSE's OCPI status is drawn as. */
export function kindOfStatus(status: string): Kind {
  if (status === "AVAILABLE") return "go";
  if (status === "CHARGING") return "none";
  if (status === "RESERVED") return "reserved";
  if (status === "UNKNOWN") return "unknown";
  return "dead";
}
