//! An answer as sanitised Markdown; as plain text until the parser is there, and where it cannot be.
import { useEffect, useRef } from "preact/hooks";

export function RichText({ text, busy }: { text: string; busy: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOld = false;
    // Once a frame: a fast stream would otherwise have every piece parsed.
    const show = (make: () => Node | string) =>
      requestAnimationFrame(() => {
        if (!isOld) {
          host.current?.replaceChildren(make());
        }
      });
    import("./markdown").then(
      ({ render }) => show(() => render(text)),
      () => show(() => text),
    );
    return () => {
      isOld = true;
    };
  }, [text]);
  return <div class="markdown" ref={host} aria-busy={busy} />;
}
