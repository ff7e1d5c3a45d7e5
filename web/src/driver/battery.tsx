import { Slider } from "@base-ui/react/slider";
import { t } from "../texts";
import { km, kwh, percent } from "../texts/format";

type Props = {
  now: number;
  to: number;
  batteryKwh: number;
  consumption: number;
  car: string;
  onChange: (now: number, to: number) => void;
};
const LEAST_APART = 5;

/** How full the battery is and shall be: one rail, two thumbs. */
export function Battery({ now, to, batteryKwh, consumption, car, onChange }: Props) {
  const energy = (batteryKwh * (to - now)) / 100;
  return (
    <div className="field">
      <span className="label" id="battery-label">
        {t("ask.battery")}
      </span>
      <div className="cell">
        <div className="row num">
          <span>
            <b>{percent(now / 100)}</b> <small>{t("ask.batteryNow")}</small>
          </span>
          <span>
            <small>{t("ask.batteryTo")}</small> <b>{percent(to / 100)}</b>
          </span>
        </div>
        <Slider.Root
          value={[now, to]}
          onValueChange={(value) => onChange(value[0] ?? now, value[1] ?? to)}
          min={0}
          max={100}
          minStepsBetweenValues={LEAST_APART}
          aria-labelledby="battery-label"
        >
          <Slider.Control className="track">
            <Slider.Track className="rail">
              <span className="was" style={{ inlineSize: `${now}%` }} />
              <Slider.Indicator className="fill" />
              <Slider.Thumb index={0} className="thumb" getAriaLabel={() => t("ask.thumbNow")} />
              <Slider.Thumb index={1} className="thumb" getAriaLabel={() => t("ask.thumbTo")} />
            </Slider.Track>
          </Slider.Control>
        </Slider.Root>
        <div className="row">
          <small className="num">{t("ask.range", { energy: kwh(energy), distance: km(energy / consumption) })}</small>
          <small>{car}</small>
        </div>
      </div>
    </div>
  );
}
