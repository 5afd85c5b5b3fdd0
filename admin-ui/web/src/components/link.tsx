//! A link to a page of the panel that needs no new document.
import type { ComponentChildren } from "preact";
import { go, href, isPlainClick, type Page } from "../router";

interface LinkProps {
  page: Page;
  item?: string;
  class?: string;
  current?: boolean;
  onFollow?: () => void;
  children: ComponentChildren;
}

export function Link({ page, item, class: name, current, onFollow, children }: LinkProps) {
  return (
    <a
      href={href(page, item ?? null)}
      class={name}
      {...(current === true ? { "aria-current": "page" as const } : {})}
      onClick={(event) => {
        if (isPlainClick(event)) {
          event.preventDefault();
          onFollow?.();
          go(page, item ?? null);
        }
      }}
    >
      {children}
    </a>
  );
}
