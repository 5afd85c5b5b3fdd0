//! Markdown of a model as nodes that can do nothing: each is made of a token by name, so that no HTML is parsed. In a
//! separate file, so that only an answer loads the parser. HTML in the text is shown as text; a picture becomes a link,
//! since loading it would reveal the reader to its server.
import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";

/** The page and its section have the first two levels; an answer's own lie below. */
const LEVELS = ["h3", "h3", "h4", "h4", "h5", "h6"] as const;

/** Where a link of a model may lead. */
const LINKS = /^(?:https?:|mailto:)/i;

export function render(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(...nodes(Lexer.lex(text, { gfm: true, breaks: true, pedantic: false })));
  return fragment;
}

function nodes(tokens: readonly Token[] | undefined): (Node | string)[] {
  return (tokens ?? []).flatMap((token) => node(token as MarkedToken));
}

function element(name: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function node(token: MarkedToken): Node | string | (Node | string)[] {
  switch (token.type) {
    case "space":
    case "def":
      return [];
    case "br":
    case "hr":
      return element(token.type);
    case "code":
      return element("pre", element("code", token.text));
    case "codespan":
      return element("code", token.text);
    case "heading":
      return element(LEVELS[token.depth - 1] ?? "h6", ...nodes(token.tokens));
    case "blockquote":
    case "strong":
    case "em":
    case "del":
      return element(token.type, ...nodes(token.tokens));
    case "paragraph":
      return element("p", ...nodes(token.tokens));
    case "list":
      return list(token);
    case "list_item":
      return element("li", ...nodes(token.tokens));
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "table":
      return table(token);
    case "link":
      return link(token.href, nodes(token.tokens));
    case "image":
      return link(token.href, [token.text || token.href]);
    case "text":
      return token.tokens === undefined ? decoded(token.text) : nodes(token.tokens);
    default:
      // An escaped character, or HTML.
      return token.text;
  }
}

function list({ ordered, start, items }: Tokens.List): Node {
  const made = element(ordered ? "ol" : "ul", ...items.flatMap(node));
  if (ordered && start !== "" && start !== 1) {
    made.setAttribute("start", String(start));
  }
  return made;
}

function table({ header, rows }: Tokens.Table): Node {
  const row = (name: string, cells: readonly Tokens.TableCell[]) =>
    element("tr", ...cells.map((cell) => element(name, ...nodes(cell.tokens))));
  return element(
    "table",
    element("thead", row("th", header)),
    element("tbody", ...rows.map((cells) => row("td", cells))),
  );
}

/** A link that leads nowhere else is its text. */
function link(href: string, children: (Node | string)[]): Node | (Node | string)[] {
  if (!LINKS.test(href)) {
    return children;
  }
  const made = element("a", ...children) as HTMLAnchorElement;
  made.href = href;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}

/** The characters that references such as `&amp;` stand for. A document that is never shown reads them. */
function decoded(text: string): string {
  if (!text.includes("&")) {
    return text;
  }
  const inert = new DOMParser().parseFromString(text.replaceAll("<", "&lt;"), "text/html");
  return inert.documentElement.textContent ?? text;
}
