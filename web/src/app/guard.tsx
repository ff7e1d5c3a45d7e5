import { Link, Navigate, useRouter } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { Offline } from "../api/client";
import { useMe } from "../api/queries";
import { useSession } from "../api/session";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t } from "../texts";

export type Role = "driver" | "owner" | "admin";

/** A page for those who are signed in, and of one role where it names one; others are led to signing in and back. */
export function Private({ role, children }: { role?: Role; children: ReactNode }) {
  const state = useSession();
  const me = useMe();
  const router = useRouter();
  const [here] = useState(() => router.state.location.href); // it changes while this page is being left
  if (state === "out") return <Navigate to="/sign-in" search={{ next: here }} replace />;
  if (role && !me && state === "away")
    return (
      <div className="page narrow">
        <Failure error={new Offline()} />
      </div>
    );
  if (role && !me)
    return (
      <div className="page">
        <Loading label={t("me.loading")} />
      </div>
    );
  if (role && me?.role !== role) return <NotFound />;
  return children;
}

export function NotFound() {
  return (
    <div className="page narrow">
      <Title text={t("app.notFound")} />
      <Empty>
        <p>{t("app.notFoundLead")}</p>
        <Link to="/" className="btn main">
          {t("app.home")}
        </Link>
      </Empty>
    </div>
  );
}
