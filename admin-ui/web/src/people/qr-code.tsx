//! A QR code as an image made of paths, black on white in both themes, as cameras need it.
import { qrMatrix } from "./qr";

/** Modules of white around it, which cameras need. */
const QUIET = 4;

/** Nothing for a text that is too long: the secret is beside it as text. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const rows = qrMatrix(text);
  if (rows === null) {
    return null;
  }
  const size = rows.length + 2 * QUIET;
  const path = rows
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")))
    .join("");
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`}>
      <path class="qr__ground" d={`M0 0h${size}v${size}h-${size}z`} />
      <path class="qr__dark" d={path} />
    </svg>
  );
}
