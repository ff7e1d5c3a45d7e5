const KEPT = "evcharging.theme";
export type Theme = "light" | "dark" | "device";

export const theme = (): Theme => (localStorage.getItem(KEPT) as Theme | null) ?? "device";

/** Shows a theme, the kept one by default; "device" leaves it to the system. */
export function showTheme(chosen: Theme = theme(), { keep = false } = {}): void {
  if (chosen === "device") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  if (keep) localStorage.setItem(KEPT, chosen);
}

/** Turns light to dark and back, from what is seen now. */
export function turnTheme(): void {
  const seen = theme();
  const isDark = seen === "dark" || (seen === "device" && matchMedia("(prefers-color-scheme: dark)").matches);
  showTheme(isDark ? "light" : "dark", { keep: true });
}
