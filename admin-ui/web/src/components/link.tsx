//! A link to a page of the panel that needs no new document.
import type { ComponentChildren } from "preact";
import { go, href, isPlainClick, type Page, type Query } from "../router";

interface LinkProps {
  page: Page;
  item?: string;
  query?: Query;
  class?: string;
  current?: boolean;
  title?: string;
  onFollow?: () => void;
  children: ComponentChildren;
}

export function Link({
  page,
  item,
  query,
  class: name,
  current,
  title,
  onFollow,
  children,
}: LinkProps) {
  return (
    <a
      href={href(page, item ?? null, query)}
      class={name}
      title={title}
      {...(current === true ? { "aria-current": "page" as const } : {})}
      onClick={(event) => {
        if (isPlainClick(event)) {
          event.preventDefault();
          onFollow?.();
          go(page, item ?? null, query);
        }
      }}
    >
      {children}
    </a>
  );
}
