import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { PLUGS } from "../api/plugs";
import { usePress } from "../api/press";
import { vehiclesQuery } from "../api/queries";
import { Check, Field, Pop } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Empty, Failure, Loading } from "../parts/notices";
import { Title } from "../parts/page";
import { t, word } from "../texts";
import { kw, kwh } from "../texts/format";

type Vehicle = Schema<"Vehicle">;
const USUAL = { battery: 60, power: 100, consumption: 18 };

export default function Vehicles() {
  const vehicles = useQuery(vehiclesQuery);
  return (
    <div className="page narrow">
      <Link to="/me" className="back">
        <Icon name="back" />
        {t("me.title")}
      </Link>
      <div className="head">
        <Title text={t("vehicles.title")} />
        <Editor />
      </div>
      {vehicles.error && <Failure error={vehicles.error} again={() => void vehicles.refetch()} />}
      {vehicles.isLoading && <Loading label={t("vehicles.loading")} />}
      {vehicles.data?.length === 0 && (
        <Empty>
          <p>{t("vehicles.none")}</p>
        </Empty>
      )}
      <ul className="cards">
        {vehicles.data?.map((vehicle) => (
          <li key={vehicle.id} className="panel">
            <h2>{vehicle.name}</h2>
            <dl className="facts num">
              <div>
                <dt>{t("vehicle.battery")}</dt>
                <dd>{kwh(vehicle.battery_kwh)}</dd>
              </div>
              <div>
                <dt>{t("vehicle.power")}</dt>
                <dd>{kw(vehicle.max_power_kw)}</dd>
              </div>
              <div>
                <dt>{t("vehicle.plug")}</dt>
                <dd>{vehicle.connectors.map((plug) => word("plug", plug)).join(", ")}</dd>
              </div>
              {vehicle.plate && (
                <div>
                  <dt>{t("vehicle.plate")}</dt>
                  <dd>{vehicle.plate}</dd>
                </div>
              )}
            </dl>
            <div className="acts">
              <Editor vehicle={vehicle} />
              <Remove vehicle={vehicle} />
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A new vehicle, or changes to one. */
function Editor({ vehicle }: { vehicle?: Vehicle }) {
  const [open, setOpen] = useState(false);
  const [plugs, setPlugs] = useState<string[]>(vehicle?.connectors ?? [PLUGS[0]!, PLUGS[1]!]);
  const [wrong, setWrong] = useState("");
  const save = usePress({
    name: "vehicle",
    stale: ["vehicles"],
    send: (body: Schema<"VehicleCreate">, key) =>
      vehicle
        ? ok(api.PATCH("/api/v1/accounts/me/vehicles/{vehicle_id}", { params: { path: { vehicle_id: vehicle.id } }, body }))
        : ok(api.POST("/api/v1/accounts/me/vehicles", { body, headers: { "Idempotency-Key": key } })),
    done: () => setOpen(false),
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (plugs.length === 0) return setWrong(t("vehicle.noPlug"));
    setWrong("");
    const form = new FormData(event.currentTarget);
    const plate = String(form.get("plate")).trim();
    save.mutate({
      name: String(form.get("name")),
      battery_kwh: Number(form.get("battery")),
      max_power_kw: Number(form.get("power")),
      consumption_kwh_per_km: Number(form.get("consumption")) / 100,
      connectors: plugs as Schema<"ConnectorType">[],
      ...(plate ? { plate } : {}),
    });
  }
  const words = vehicle ? t("action.change") : t("vehicles.add");
  return (
    <Pop
      title={vehicle ? vehicle.name : t("vehicles.add")}
      trigger={words}
      triggerClass={vehicle ? "btn small" : "btn main"}
      open={open}
      onOpenChange={setOpen}
    >
      <form className="form-grid" onSubmit={send}>
        {save.error && <Failure error={save.error} />}
        <Field label={t("vehicle.name")} name="name" defaultValue={vehicle?.name ?? ""} required maxLength={80} />
        <div className="pair">
          <Field
            label={t("vehicle.battery")}
            name="battery"
            type="number"
            min={1}
            max={1000}
            step="any"
            defaultValue={vehicle?.battery_kwh ?? USUAL.battery}
            required
          />
          <Field
            label={t("vehicle.power")}
            name="power"
            type="number"
            min={1}
            max={1000}
            step="any"
            defaultValue={vehicle?.max_power_kw ?? USUAL.power}
            required
          />
          <Field
            label={t("vehicle.consumption")}
            name="consumption"
            type="number"
            min={1}
            max={500}
            step="any"
            defaultValue={vehicle ? Math.round(vehicle.consumption_kwh_per_km * 1000) / 10 : USUAL.consumption}
            required
          />
          <Field
            label={t("vehicle.plate")}
            name="plate"
            defaultValue={vehicle?.plate ?? ""}
            maxLength={16}
            hint={t("vehicle.plateHint")}
          />
        </div>
        <fieldset aria-describedby={wrong ? "plugs-wrong" : undefined}>
          <legend>{t("vehicle.plugs")}</legend>
          {PLUGS.map((plug) => (
            <Check
              key={plug}
              label={word("plug", plug)}
              checked={plugs.includes(plug)}
              onChange={(event) => setPlugs(event.target.checked ? [...plugs, plug] : plugs.filter((other) => other !== plug))}
            />
          ))}
          {wrong && (
            <p className="wrong" id="plugs-wrong" role="alert">
              {wrong}
            </p>
          )}
        </fieldset>
        <button className="btn main" type="submit" disabled={save.isPending}>
          {t("action.save")}
        </button>
      </form>
    </Pop>
  );
}

function Remove({ vehicle }: { vehicle: Vehicle }) {
  const remove = usePress({
    name: "vehicle-remove",
    stale: ["vehicles"],
    send: (id: string) => ok(api.DELETE("/api/v1/accounts/me/vehicles/{vehicle_id}", { params: { path: { vehicle_id: id } } })),
  });
  return (
    <Pop title={t("vehicles.removeTitle", { name: vehicle.name })} trigger={t("vehicles.remove")} triggerClass="btn small">
      <p>{t("vehicles.removeLead")}</p>
      {remove.error && <Failure error={remove.error} />}
      <button type="button" className="btn bad" disabled={remove.isPending} onClick={() => remove.mutate(vehicle.id)}>
        {t("vehicles.remove")}
      </button>
    </Pop>
  );
}
