/** The mark, and line drawings of 16 by 16. All are decoration: the word stands beside them or in the control's name. */
const PATHS = {
  balanced: "M8 2v12M4.5 14h7M3 4.5h10M3 4.5 1.2 9.5h3.6zM13 4.5l-1.8 5h3.6z",
  soonest: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.5V8l2.5 1.7",
  cheapest: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM10.6 5.3A3.3 3.3 0 1 0 10.6 10.7M4 7.2h4.5M4 8.9h4",
  nearest: "M8 15s5-5.2 5-8.8A5 5 0 0 0 3 6.2C3 9.8 8 15 8 15zM8 7.8a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z",
  charge: "M9.5 1 3 9.2h4L6.2 15 13 6.6H8.7z",
  bookings: "M2 4h12v3a1.5 1.5 0 0 0 0 3v3H2v-3a1.5 1.5 0 0 0 0-3z",
  inbox: "M2 3h12v10H2zM2 9h3.5l1 2h3l1-2H14",
  me: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c.6-3 2.8-4.4 5.5-4.4s4.9 1.4 5.5 4.4",
  host: "M2 14V6l6-4 6 4v8h-4v-4H6v4z",
  pin: "M8 15s5-5.2 5-8.8A5 5 0 0 0 3 6.2C3 9.8 8 15 8 15z",
  search: "M7 12.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM11 11l4 4",
  calendar: "M2 3.5h12v11H2zM2 7h12M5 1.5v3M11 1.5v3",
  waiting: "M2 2h12v12H2zM5 8l2 2 4-4.5",
  people:
    "M6 7.5a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM1.5 13.5c.4-2.7 2.3-4 4.5-4s4.1 1.3 4.5 4M11 7.2a2.2 2.2 0 1 0-.8-4.2M12 9.5c1.4.4 2.3 1.6 2.6 4",
  health: "M1 8.5h3.5L6.5 3l3 10 2-4.5H15",
  figures: "M2 14.5h12M4 12V8M8 12V3M12 12V6",
  audit: "M3 1.5h7l3 3v10H3zM5.5 7h5M5.5 10h5",
  back: "M10 3 5 8l5 5",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13z",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinejoin="round"
      strokeLinecap="round"
    >
      <path d={PATHS[name]} />
      {name === "theme" && <path d="M8 2v12a6 6 0 0 0 0-12z" fill="currentColor" stroke="none" />}
    </svg>
  );
}

export const Bolt = () => (
  <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
    <path d={PATHS.charge} fill="currentColor" />
  </svg>
);

export const Mark = () => (
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="10" fill="#08382b" />
    <path d="M8 10h16M8 16h16M8 22h16" stroke="#ffffff40" strokeWidth="3" strokeLinecap="round" />
    <path d="M11 16h9" stroke="#d8f85a" strokeWidth="5" strokeLinecap="round" />
  </svg>
);
