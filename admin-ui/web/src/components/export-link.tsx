//! A link that downloads a table as CSV.
import { Icon } from "./icons";

interface ExportLinkProps {
  /** The address as it is now: times such as "the last hour" go on while a page is open. */
  address: () => string;
  text: string;
  hint: string;
  /** Beside buttons of the page's head. */
  isLarge?: boolean;
}

export function ExportLink({ address, text, hint, isLarge = false }: ExportLinkProps) {
  return (
    <a
      class={isLarge ? "button" : "button button--small"}
      href={address()}
      title={hint}
      download
      onClick={(event) => {
        event.currentTarget.href = address();
      }}
    >
      <Icon name="download" />
      {text}
    </a>
  );
}
