//! The images of a message, small.
import { Icon } from "../components/icons";
import { t } from "../i18n/play";
import type { Image } from "./images";

interface ThumbnailsProps {
  of: readonly Image[];
  /** Absent: they are sent already. */
  onRemove?: (at: number) => void;
}

export function Thumbnails({ of, onRemove }: ThumbnailsProps) {
  const m = t.value;
  if (of.length === 0) {
    return null;
  }
  return (
    <ul class="thumbs" aria-label={m["play.images"]}>
      {of.map((image, at) => (
        <li class="thumbs__one" key={`${at} ${image.name}`}>
          <img src={image.url} alt={image.name} />
          {onRemove !== undefined && (
            <button type="button" class="button button--small" onClick={() => onRemove(at)}>
              <Icon name="close" />
              <span class="visually-hidden">{m["app.remove"](image.name)}</span>
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
