import { useSyncExternalStore } from "react";
import { t } from "../texts";

const subscribe = (listener: () => void) => {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
};

/** Says when there is no connection: what is shown then is what was read before. */
export function Connection() {
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine);
  if (isOnline) return null;
  return (
    <div className="page narrow">
      <p className="notice warn" role="status">
        {t("app.offline")}
      </p>
    </div>
  );
}
