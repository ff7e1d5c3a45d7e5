import type { Schema } from "../api/client";
import { api, ok } from "../api/client";
import { usePress } from "../api/press";
import { Failure } from "../parts/notices";
import { t, word } from "../texts";

/** The texts that this person has not accepted yet: shown over every page until they are. */
export default function Consent({ texts }: { texts: Schema<"TextVersion">[] }) {
  const accept = usePress({
    name: "consent",
    stale: ["me"],
    send: async (_: null) => {
      for (const { document, version } of texts)
        await ok(api.POST("/api/v1/accounts/me/consents", { body: { document: document as "terms" | "privacy", version } }));
    },
  });
  return (
    <section className="notice warn" aria-label={t("consent.title")}>
      <b>{t("consent.title")}</b>
      <p>
        {texts.map(({ document }) => (
          <span key={document}>
            <a href={`/api/v1/accounts/${document}`} target="_blank" rel="noreferrer">
              {word("legal", document)}
            </a>{" "}
          </span>
        ))}
      </p>
      {accept.error && <Failure error={accept.error} />}
      <button type="button" className="btn small main" disabled={accept.isPending} onClick={() => accept.mutate(null)}>
        {t("consent.accept")}
      </button>
    </section>
  );
}
