//! Images of a message: which are taken, and their data URLs. Nothing of them is stored.

export interface Image {
  name: string;
  /** A data URL. */
  url: string;
}

export type ImageProblem = "kind" | "size" | "count" | "unreadable";

export const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];
export const MOST_BYTES = 4 * 1024 * 1024;
export const MOST_IMAGES = 6;

/** Why one more image is not taken beside `count` others. */
export function problemOf(
  file: { type: string; size: number },
  count: number,
): ImageProblem | null {
  if (!KINDS.includes(file.type)) {
    return "kind";
  }
  if (file.size > MOST_BYTES) {
    return "size";
  }
  return count >= MOST_IMAGES ? "count" : null;
}

/** The images of these files that are taken beside `count` others, and why the first other one is not. */
export async function readImages(
  files: readonly File[],
  count: number,
): Promise<{ images: Image[]; problem: ImageProblem | null }> {
  const images: Image[] = [];
  let problem: ImageProblem | null = null;
  for (const file of files) {
    const wrong = problemOf(file, count + images.length);
    const url = wrong === null ? await dataUrl(file) : null;
    if (url === null) {
      problem ??= wrong ?? "unreadable";
    } else {
      images.push({ name: file.name, url });
    }
  }
  return { images, problem };
}

/** The content security policy forbids fetching what a reader may read. */
function dataUrl(file: File): Promise<string | null> {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(typeof reader.result === "string" ? reader.result : null);
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file);
  });
}
