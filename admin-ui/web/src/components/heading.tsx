//! The title of a page. Takes the focus when the page appears, so that it is read out and the
//! keyboard starts there; also names the document.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";

export function Heading({ children, focus = true }: { children: string; focus?: boolean }) {
  const title = useRef<HTMLHeadingElement>(null);
  // Before anything can be typed into the page: later it would take the focus out of a field.
  useLayoutEffect(() => {
    if (focus) {
      title.current?.focus({ preventScroll: true });
    }
  }, [focus]);
  useEffect(() => {
    document.title = `${children} · ${t.value["app.name"]}`;
  });
  return (
    <h1 ref={title} tabIndex={-1}>
      {children}
    </h1>
  );
}
