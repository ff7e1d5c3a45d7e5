import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { PLUGS } from "../api/plugs";
import { usePress } from "../api/press";
import { configQuery, preferencesQuery, useConfig, useMe, vehiclesQuery } from "../api/queries";
import { useSession } from "../api/session";
import { Chips, Choice, Field } from "../parts/controls";
import { Bolt, Icon } from "../parts/icons";
import { Failure } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { clock, day, kwh } from "../texts/format";
import { Battery } from "./battery";
import { From } from "./from";
import { DEMO_CENTRE, useOrigin } from "./origin";
import { useNear } from "./scene";
import { departure, keepWish, keptWish, LEAVES, MATTERS, nextMorning, requestOf, type Wish } from "./wish";

/** The wish: from where, when, how full, what matters. */
export default function Charge() {
  const near = useNear();
  const config = useConfig();
  const kept = useOrigin();
  const origin = kept ?? (config?.demo ? DEMO_CENTRE : null);
  const state = useSession();
  const navigate = useNavigate();
  const [wish, setWish] = useState(keptWish);
  const queries = useQueryClient();
  const [needsOrigin, setNeedsOrigin] = useState(false);
  const vehicles = useQuery({ ...vehiclesQuery, enabled: state === "in" });
  const change = (part: Partial<Wish>) => setWish((before) => ({ ...before, ...part }));
  useEffect(() => keepWish(wish), [wish]);
  const known = vehicles.data ?? [];
  const me = useMe();
  const usual = useQuery({ ...preferencesQuery, enabled: me?.role === "driver" }).data?.vehicle_id;
  const vehicle = known.find(({ id }) => id === (wish.vehicle ?? usual)) ?? known[0];
  const car = vehicle ?? wish.car;
  const ask = usePress({
    name: "ask",
    isKept: true,
    send: (body: Schema<"ChargeRequestCreate">, key) =>
      ok(api.POST("/api/v1/optimizer/charge-requests", { body, headers: { "Idempotency-Key": key } })),
    done: ({ id }) => navigate({ to: "/slots/$request", params: { request: id } }),
  });
  /** Pressed before the page has read what the wish is made of, it is sent when that is there. */
  const find = useMutation({
    mutationFn: async () => {
      const from = kept ?? ((await queries.ensureQueryData(configQuery)).demo ? DEMO_CENTRE : null);
      if (!from) return setNeedsOrigin(true);
      if (state !== "in") return navigate({ to: "/sign-in", search: { next: "/" } });
      const theirs = await queries.ensureQueryData(vehiclesQuery);
      const taken = theirs.find(({ id }) => id === (wish.vehicle ?? usual)) ?? theirs[0];
      await ask.mutateAsync(requestOf({ ...wish, vehicle: taken?.id ?? null }, from, Date.now(), near.zone));
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    find.mutate();
  }
  const at = departure({ ...wish, leave: "at" }, Date.now(), near.zone);
  const leaves = LEAVES.map((value) => ({
    value,
    label: value === "at" ? t("ask.leave.at", { time: clock(at, near.zone) }) : t(`ask.leave.${value}`),
  }));
  return (
    <>
      <div>
        <Title text={t("ask.title")} />
        <p className="lead">{t("ask.lead")}</p>
      </div>
      <form className="form-grid" onSubmit={submit}>
        <From origin={origin} />
        {needsOrigin && !origin && (
          <p className="wrong" role="alert">
            {t("from.needed")}
          </p>
        )}
        <Chips legend={t("ask.leave")} items={leaves} value={wish.leave} onChange={(leave) => change({ leave })} />
        {wish.leave === "at" && (
          <Field
            label={t("ask.leaveAt", { day: day(at, near.zone) })}
            type="datetime-local"
            value={wish.at || nextMorning(Date.now(), near.zone)}
            onChange={(event) => change({ at: event.target.value })}
          />
        )}
        {known.length > 1 && (
          <Choice label={t("ask.vehicle")} value={vehicle?.id} onChange={(event) => change({ vehicle: event.target.value })}>
            {known.map(({ id, name, battery_kwh }) => (
              <option key={id} value={id}>
                {t("ask.vehicleName", { name, battery: kwh(battery_kwh) })}
              </option>
            ))}
          </Choice>
        )}
        {known.length === 0 && state === "in" && vehicles.isSuccess && <CarInPlace wish={wish} onChange={change} />}
        <Battery
          now={wish.now}
          to={wish.to}
          batteryKwh={car.battery_kwh}
          consumption={car.consumption_kwh_per_km}
          car={vehicle ? t("ask.vehicleName", { name: vehicle.name, battery: kwh(vehicle.battery_kwh) }) : kwh(car.battery_kwh)}
          onChange={(now, to) => change({ now, to })}
        />
        <Chips
          legend={t("ask.matters")}
          look="tiles"
          items={MATTERS.map((value) => ({ value, label: t(`ask.matter.${value}`), icon: <Icon name={value} size={20} /> }))}
          value={wish.matter}
          onChange={(matter) => change({ matter })}
        />
        {find.error && <Failure error={find.error} />}
        <button className="btn main wide" type="submit" disabled={find.isPending}>
          <Bolt />
          {find.isPending ? t("ask.sending") : t("ask.find")}
        </button>
        <p className="note">{t("ask.promise")}</p>
        <details>
          <summary>{t("ask.more")}</summary>
          <div className="pair">
            <Field
              label={t("ask.doneBy")}
              type="datetime-local"
              value={wish.doneBy}
              onChange={(event) => change({ doneBy: event.target.value })}
            />
            <Field
              label={t("ask.radius")}
              type="number"
              min={0.5}
              max={200}
              step={0.5}
              inputMode="decimal"
              value={wish.radius}
              onChange={(event) => change({ radius: event.target.value })}
            />
          </div>
        </details>
      </form>
      <Link to="/stations" className="btn">
        <Icon name="search" />
        {t("ask.browse")}
      </Link>
    </>
  );
}

/** Without a vehicle: its battery and plug, asked in place. */
function CarInPlace({ wish, onChange }: { wish: Wish; onChange: (part: Partial<Wish>) => void }) {
  const { car } = wish;
  return (
    <div className="notice">
      <p>{t("ask.noVehicle")}</p>
      <div className="pair">
        <Field
          label={t("vehicle.battery")}
          type="number"
          min={1}
          max={1000}
          step="any"
          required
          value={car.battery_kwh}
          onChange={(event) => onChange({ car: { ...car, battery_kwh: Number(event.target.value) } })}
        />
        <Field
          label={t("vehicle.power")}
          type="number"
          min={1}
          max={1000}
          step="any"
          required
          value={car.max_power_kw}
          onChange={(event) => onChange({ car: { ...car, max_power_kw: Number(event.target.value) } })}
        />
        <Choice
          label={t("vehicle.plug")}
          value={car.connectors[0]}
          onChange={(event) => onChange({ car: { ...car, connectors: [event.target.value as (typeof PLUGS)[number]] } })}
        >
          {PLUGS.map((plug) => (
            <option key={plug} value={plug}>
              {word("plug", plug)}
            </option>
          ))}
        </Choice>
      </div>
    </div>
  );
}
