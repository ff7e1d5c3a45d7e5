import { readFileSync } from "node:fs";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { expect, test } from "vitest";

const LANGUAGES = ["en", "de", "ta", "hi"] as const;
type Catalogue = Record<string, string>;
const read = (language: string): Catalogue => JSON.parse(readFileSync(new URL(`./${language}.json`, import.meta.url), "utf8"));
const catalogues = Object.fromEntries(LANGUAGES.map((language) => [language, read(language)])) as Record<
  (typeof LANGUAGES)[number],
  Catalogue
>;
const others = LANGUAGES.filter((language) => language !== "en");

type Token = string | [string] | [string, string, Record<string, unknown>?];
/** The placeholders of a message, a plural with its forms. */
function placeholders(message: string): string[] {
  const found = new Set<string>();
  const walk = (tokens: unknown) => {
    if (!Array.isArray(tokens)) return;
    for (const token of tokens as Token[]) {
      if (!Array.isArray(token)) continue;
      const [name, kind, forms] = token as [string, string?, Record<string, unknown>?];
      if (kind === "plural") {
        found.add(
          `${name}:${Object.keys(forms ?? {})
            .filter((form) => form !== "offset")
            .sort()
            .join("/")}`,
        );
        for (const form of Object.values(forms ?? {})) walk(form);
      } else if (name !== "#") found.add(name);
    }
  };
  walk(compileMessage(message));
  return [...found].sort();
}

test.each(others)("%s has the same texts as English", (language) => {
  expect(Object.keys(catalogues[language]).sort()).toEqual(Object.keys(catalogues.en).sort());
});

test.each(others)("%s has the same placeholders and plural forms", (language) => {
  const wrong = Object.keys(catalogues.en).filter(
    (key) => placeholders(catalogues[language][key]!).join() !== placeholders(catalogues.en[key]!).join(),
  );
  expect(wrong).toEqual([]);
});

test.each(LANGUAGES)("%s has no empty text", (language) => {
  expect(Object.entries(catalogues[language]).filter(([, text]) => text.trim() === "")).toEqual([]);
});

test("every failure that the API names has a sentence", () => {
  const codes = [
    ...readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8").matchAll(/^\| `([A-Z_]+)` \|/gm),
  ].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code) => !(`error.${code}` in catalogues.en))).toEqual([]);
});
