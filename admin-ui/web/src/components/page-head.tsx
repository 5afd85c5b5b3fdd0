//! The top of a page: its title, one line about it, and what can be done there.
import type { ComponentChildren } from "preact";
import { Heading } from "./heading";

interface PageHeadProps {
  title: string;
  intro?: ComponentChildren;
  children?: ComponentChildren;
}

export function PageHead({ title, intro, children }: PageHeadProps) {
  return (
    <div class="page__head">
      <div>
        <Heading>{title}</Heading>
        {intro !== undefined && (
          <p class="page__intro" role="status">
            {intro}
          </p>
        )}
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </div>
  );
}
