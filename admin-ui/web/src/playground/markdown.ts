//! Markdown of a model as nodes that can do nothing. In a separate file, so that only an answer loads
//! the parser and the sanitiser. HTML in the text is shown as text; a picture becomes a link, since
//! loading it would reveal the reader to its server.
import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const TAGS =
  "a p br hr strong em del code pre blockquote ul ol li h2 h3 h4 h5 h6 table thead tbody tr th td".split(
    " ",
  );

/** The page and its section have the first two levels; an answer's own lie below. */
const LEVELS = [3, 3, 4, 4, 5, 6];

const parser = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    heading({ tokens, depth }: Tokens.Heading) {
      const level = LEVELS[depth - 1] ?? 6;
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** Where a link of a model may lead. */
const LINKS = /^(?:https?:|mailto:)/i;

export function render(text: string): DocumentFragment {
  const html = parser.parse(text, { async: false });
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "start"],
    ALLOWED_URI_REGEXP: LINKS,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  return fragment;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
