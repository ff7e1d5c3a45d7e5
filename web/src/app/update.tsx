import { registerSW } from "virtual:pwa-register";
import { useEffect, useState } from "react";
import { t } from "../texts";

/** A newer version is taken when the person says so, never in the middle of a booking. */
export function Update() {
  const [take, setTake] = useState<null | (() => void)>(null);
  useEffect(() => {
    if (!import.meta.env.PROD) return;
    const renew = registerSW({ onNeedRefresh: () => setTake(() => () => void renew(true)) });
  }, []);
  if (!take) return null;
  return (
    <div className="page narrow">
      <div className="notice" role="status">
        <p>{t("app.newVersion")}</p>
        <button type="button" className="btn small" onClick={take}>
          {t("app.takeVersion")}
        </button>
      </div>
    </div>
  );
}
