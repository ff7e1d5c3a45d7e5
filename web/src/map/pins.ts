import { type Kind, SHAPES } from "../parts/states";

const SVG = "http://www.w3.org/2000/svg";
const BOLT = "M9.5 1 3 9.2h4L6.2 15 13 6.6H8.7z";

function drawing(paths: { d: string; filled: boolean }[]): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 16 16",
    "aria-hidden": "true",
    "stroke-width": "2.4",
    "stroke-linecap": "round",
  }))
    svg.setAttribute(name, value);
  for (const { d, filled } of paths) {
    const path = document.createElementNS(SVG, "path");
    for (const [name, value] of Object.entries({
      d,
      fill: filled ? "currentColor" : "none",
      stroke: filled ? "none" : "currentColor",
    }))
      path.setAttribute(name, value);
    svg.append(path);
  }
  return svg;
}

export const glyph = (kind: Kind): SVGElement => drawing(SHAPES[kind]);
export const bolt = (): SVGElement => drawing([{ d: BOLT, filled: true }]);

/** An element with children: what a marker's icon is made of (a string would be HTML). */
export function box(className: string, ...children: (Node | string)[]): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.append(...children);
  return element;
}

export function bold(text: string): HTMLElement {
  const element = document.createElement("b");
  element.textContent = text;
  return element;
}
