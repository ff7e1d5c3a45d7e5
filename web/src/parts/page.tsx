import { useEffect, useRef } from "react";

/** The page's title: gets the focus when the page comes, so that it is read, and names the tab. */
export function Title({ text, isHidden }: { text: string; isHidden?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · evcharging`;
    if (document.activeElement === document.body || document.activeElement?.closest("nav, main"))
      heading.current?.focus({ preventScroll: true });
  }, [text]);
  return (
    <h1 ref={heading} tabIndex={-1} className={isHidden ? "vh" : undefined}>
      {text}
    </h1>
  );
}
