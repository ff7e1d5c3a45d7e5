import { setupI18n } from "@lingui/core";
import { useSyncExternalStore } from "react";

/** The languages the application speaks, by the tag that goes to the server, with their own names. */
export const LANGUAGES = { en: "English", de: "Deutsch", ta: "தமிழ்", hi: "हिन्दी" } as const;
export type Language = keyof typeof LANGUAGES;
export type Key = keyof typeof import("./en.json");
export type Values = Record<string, string | number>;

const LOCALES: Record<Language, string> = { en: "en-GB", de: "de-DE", ta: "ta-IN", hi: "hi-IN" };
const KEPT = "evcharging.language";
type Messages = Parameters<typeof i18n.load>[1];
const load: Record<Language, () => Promise<{ default: unknown }>> = {
  en: () => import("./en.json"),
  de: () => import("./de.json"),
  ta: () => import("./ta.json"),
  hi: () => import("./hi.json"),
};
const i18n = setupI18n({ locale: "en", messages: { en: {} } });

const isLanguage = (tag: string | null | undefined): tag is Language => !!tag && tag in LANGUAGES;

/** The language somebody chose, else the first of the browser's that we speak. */
export function preferred(): Language {
  const kept = localStorage.getItem(KEPT);
  if (isLanguage(kept)) return kept;
  return navigator.languages.map((tag) => tag.split("-")[0]).find(isLanguage) ?? "en";
}

/** Fetches a language's texts and shows everything in it from now on. */
export async function speak(language: Language, { keep = false } = {}): Promise<void> {
  const { default: messages } = await load[language]();
  i18n.loadAndActivate({ locale: language, messages: messages as Messages });
  if (typeof document !== "undefined") document.documentElement.lang = language;
  if (keep) localStorage.setItem(KEPT, language);
}

export const language = (): Language => i18n.locale as Language;
/** The locale that dates, numbers and money are written in. */
export const locale = (): string => LOCALES[language()];

/** A text in the language spoken, its placeholders filled. */
export const t = (key: Key, values?: Values): string => i18n._(key, values);

/** A text that is made of a fixed beginning and a word of the API; the word itself where we have none for it. */
export function word(prefix: string, value: string): string {
  const key = `${prefix}.${value}`;
  return key in i18n.messages ? t(key as Key) : value.toLowerCase().replaceAll("_", " ");
}

const subscribe = (listener: () => void) => i18n.on("change", listener);
/** The language spoken; who uses it is drawn anew when it changes. */
export const useLanguage = (): Language => useSyncExternalStore(subscribe, language);
