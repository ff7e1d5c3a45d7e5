import { useParams } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { api, ok, type Schema } from "../api/client";
import { PLUGS } from "../api/plugs";
import { usePress } from "../api/press";
import { asksToConfirm, Consequences } from "../parts/confirm";
import { Check, Choice, Field, Pop } from "../parts/controls";
import { Empty, Failure } from "../parts/notices";
import { kindOfStatus, StateGlyph } from "../parts/states";
import { t, word } from "../texts";
import { kw } from "../texts/format";
import { type Place, PlacePart, useEdited } from "./place-part";

type Evse = Place["evses"][number];
type Connector = Schema<"ConnectorCreate">;
const CURRENTS = ["AC_1_PHASE", "AC_3_PHASE", "DC"] as const;
const ROWS = [0, 1] as const;
const USUAL_KW = 22;

/** The chargers that there are: one that was removed is still listed, for its bookings' sake. */
const standing = (place: Place): Evse[] => place.evses.filter(({ status }) => status !== "REMOVED");

/** The chargers of a place: added, changed, removed; what it does to bookings is shown before it is done. */
export default function Chargers() {
  const { id } = useParams({ from: "/host/places/$id/chargers" });
  return (
    <PlacePart id={id} part="chargers">
      {(place) => (
        <>
          {standing(place).length === 0 && <Empty>{t("evse.none")}</Empty>}
          <ul className="cards">
            {standing(place).map((evse) => (
              <li key={evse.id} className="panel">
                <header>
                  <h2 className="num">{evse.uid}</h2>
                  <span className={`tag ${kindOfStatus(evse.status)}`}>
                    <StateGlyph kind={kindOfStatus(evse.status)} />
                    {word("status", evse.status)}
                  </span>
                </header>
                <p className="quiet">
                  {evse.connectors
                    .map((plug) => t("place.plug", { plug: word("plug", plug.standard), power: kw(plug.max_power_kw) }))
                    .join(" · ")}
                </p>
                <div className="acts">
                  <Editor place={place} evse={evse} />
                  <Remove place={place} evse={evse} />
                </div>
              </li>
            ))}
          </ul>
          <div className="acts">
            <Editor place={place} />
          </div>
        </>
      )}
    </PlacePart>
  );
}

type Sent = { uid: string; connectors: Connector[]; confirmation?: string };

function Editor({ place, evse }: { place: Place; evse?: Evse }) {
  const [open, setOpen] = useState(false);
  const [isTwo, setTwo] = useState((evse?.connectors.length ?? 1) > 1);
  const edited = useEdited(place.id);
  const last = useRef<Sent | null>(null);
  const header = { "If-Match": place.etag };
  const save = usePress({
    name: `evse:${evse?.id ?? place.id}`,
    send: ({ uid, connectors, confirmation }: Sent, key) =>
      evse
        ? ok(
            api.PATCH("/api/v1/stations/locations/{location_id}/evses/{evse_id}", {
              params: {
                path: { location_id: place.id, evse_id: evse.id },
                query: confirmation ? { confirmation } : {},
                header,
              },
              body: { connectors },
            }),
          )
        : ok(
            api.POST("/api/v1/stations/locations/{location_id}/evses", {
              params: { path: { location_id: place.id }, header },
              headers: { "Idempotency-Key": key },
              body: { uid, connectors },
            }),
          ),
    done: () => {
      setOpen(false);
      edited();
    },
  });
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const connectors = ROWS.slice(0, isTwo ? 2 : 1).map((row) => ({
      connector_id: String(row + 1),
      standard: form.get(`standard${row}`) as Connector["standard"],
      power_type: form.get(`current${row}`) as Connector["power_type"],
      max_power_kw: Number(form.get(`power${row}`)),
      format: (evse?.connectors[row]?.format ?? "CABLE") as Connector["format"],
    }));
    const sent = { uid: String(form.get("uid")), connectors };
    last.current = sent;
    save.mutate(sent);
  }
  const title = evse ? t("evse.edit", { charger: evse.uid }) : t("evse.add");
  return (
    <Pop
      title={title}
      trigger={evse ? t("action.change") : t("evse.add")}
      triggerClass={evse ? "btn small" : "btn main"}
      open={open}
      onOpenChange={setOpen}
    >
      <form className="form-grid" onSubmit={send}>
        {!evse && <Field label={t("evse.uid")} name="uid" required maxLength={48} hint={t("evse.uidHint")} />}
        {ROWS.slice(0, isTwo ? 2 : 1).map((row) => (
          <Plug key={row} row={row} plug={evse?.connectors[row]} />
        ))}
        <Check label={t("evse.second")} checked={isTwo} onChange={(event) => setTwo(event.target.checked)} />
        {save.error && !asksToConfirm(save.error) && <Failure error={save.error} />}
        <Consequences
          error={save.error}
          zone={place.time_zone}
          isPending={save.isPending}
          onConfirm={(confirmation) => last.current && save.mutate({ ...last.current, confirmation })}
        />
        <button type="submit" className="btn main" disabled={save.isPending}>
          {t("action.save")}
        </button>
      </form>
    </Pop>
  );
}

function Plug({ row, plug }: { row: number; plug?: Evse["connectors"][number] }) {
  return (
    <div className="pair">
      <Choice label={t("vehicle.plug")} name={`standard${row}`} defaultValue={plug?.standard}>
        {[...new Set([...PLUGS, ...(plug ? [plug.standard] : [])])].map((standard) => (
          <option key={standard} value={standard}>
            {word("plug", standard)}
          </option>
        ))}
      </Choice>
      <Choice label={t("evse.current")} name={`current${row}`} defaultValue={plug?.power_type ?? CURRENTS[1]}>
        {CURRENTS.map((current) => (
          <option key={current} value={current}>
            {word("power", current)}
          </option>
        ))}
      </Choice>
      <Field
        label={t("evse.power")}
        name={`power${row}`}
        type="number"
        min={1}
        max={1000}
        step="any"
        required
        defaultValue={plug?.max_power_kw ?? USUAL_KW}
      />
    </div>
  );
}

function Remove({ place, evse }: { place: Place; evse: Evse }) {
  const edited = useEdited(place.id);
  const remove = usePress({
    name: `evse-remove:${evse.id}`,
    send: (confirmation: string | null) =>
      ok(
        api.DELETE("/api/v1/stations/locations/{location_id}/evses/{evse_id}", {
          params: {
            path: { location_id: place.id, evse_id: evse.id },
            query: confirmation ? { confirmation } : {},
            header: { "If-Match": place.etag },
          },
        }),
      ),
    done: edited,
  });
  return (
    <Pop title={t("evse.removeTitle", { charger: evse.uid })} trigger={t("evse.remove")} triggerClass="btn small">
      <p>{t("evse.removeLead")}</p>
      {remove.error && !asksToConfirm(remove.error) && <Failure error={remove.error} />}
      <Consequences
        error={remove.error}
        zone={place.time_zone}
        isPending={remove.isPending}
        onConfirm={(confirmation) => remove.mutate(confirmation)}
      />
      <button type="button" className="btn bad" disabled={remove.isPending} onClick={() => remove.mutate(null)}>
        {t("evse.remove")}
      </button>
    </Pop>
  );
}
