import { Dialog } from "@base-ui/react/dialog";
import { type ComponentProps, type ReactNode, useId } from "react";
import { t } from "../texts";

type FieldProps = { label: string; hint?: string; wrong?: string };

/** A labelled input; what is wrong with it stands under it and is read with it. */
export function Field({ label, hint, wrong, ...input }: FieldProps & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input
        className="input"
        id={id}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={hint || wrong ? `${id}-more` : undefined}
        {...input}
      />
      <More id={`${id}-more`} hint={hint} wrong={wrong} />
    </div>
  );
}

export function Choice({ label, hint, wrong, children, ...select }: FieldProps & ComponentProps<"select">) {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <select className="input" id={id} aria-describedby={hint || wrong ? `${id}-more` : undefined} {...select}>
        {children}
      </select>
      <More id={`${id}-more`} hint={hint} wrong={wrong} />
    </div>
  );
}

export function TextArea({ label, hint, wrong, ...area }: FieldProps & ComponentProps<"textarea">) {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <textarea className="input" id={id} aria-describedby={hint || wrong ? `${id}-more` : undefined} {...area} />
      <More id={`${id}-more`} hint={hint} wrong={wrong} />
    </div>
  );
}

function More({ id, hint, wrong }: { id: string; hint?: string; wrong?: string }) {
  if (!hint && !wrong) return null;
  return (
    <p id={id} className={wrong ? "wrong" : "hint"}>
      {wrong ?? hint}
    </p>
  );
}

export function Check({ label, ...input }: { label: ReactNode } & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className="check">
      <input type="checkbox" id={id} {...input} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
}

export type Item<V extends string> = { value: V; label: ReactNode; icon?: ReactNode; disabled?: boolean; name?: string };

/** One of a few, as a row of chips: a radio group, so that the arrow keys move in it. */
export function Chips<V extends string>({
  legend,
  items,
  value,
  onChange,
  look = "",
}: {
  legend: string;
  items: Item<V>[];
  value: V | null;
  onChange: (value: V) => void;
  look?: string;
}) {
  const name = useId();
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className={look === "days" || look === "slots" ? look : `chips ${look}`}>
        {items.map((item) => (
          <label className="chip" key={item.value}>
            <input
              type="radio"
              name={name}
              value={item.value}
              checked={value === item.value}
              disabled={item.disabled}
              aria-label={item.name}
              onChange={() => onChange(item.value)}
            />
            <span>
              {item.icon}
              {item.label}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A sheet over the page, opened by its button or from outside. */
export function Pop({
  title,
  trigger,
  triggerClass = "btn",
  open,
  onOpenChange,
  children,
}: {
  title: string;
  trigger?: ReactNode;
  triggerClass?: string;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  children: ReactNode;
}) {
  return (
    <Dialog.Root open={open} onOpenChange={(next) => onOpenChange?.(next)}>
      {trigger && <Dialog.Trigger className={triggerClass}>{trigger}</Dialog.Trigger>}
      <Dialog.Portal>
        <Dialog.Backdrop className="veil" />
        <Dialog.Popup className="pop">
          <Dialog.Title>{title}</Dialog.Title>
          {children}
          <Dialog.Close className="btn">{t("action.close")}</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
