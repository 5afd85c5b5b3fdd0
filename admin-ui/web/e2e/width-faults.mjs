//! What is wrong with the layout of the page that is shown. Runs inside the page, so it uses nothing from outside.

/** Boxes outside of their containers, sideways scrolling of the whole page, and shortened text without its full form. */
export function faults() {
  const found = [];
  const open = document.querySelector("dialog[open]");
  const root = open ?? document.body;
  const ROUNDING = 1.5;

  const named = (element) => {
    const classes = typeof element.className === "string" ? element.className.trim() : "";
    const text = (element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `${element.localName}${classes === "" ? "" : `.${classes.split(/\s+/).join(".")}`} "${text}"`;
  };
  const styleOf = (element) => getComputedStyle(element);
  const isDrawn = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
  };
  const isAside = (element) =>
    element.closest(".visually-hidden, .uplot, .skip-link, svg *, option, [hidden]") !== null ||
    ["absolute", "fixed"].includes(styleOf(element).position);
  /** What the eye takes for a frame: it has a line around it or a ground of its own. */
  const isFrame = (element) => {
    const style = styleOf(element);
    const hasLine = Number.parseFloat(style.borderRightWidth) > 0;
    const hasGround = !["rgba(0, 0, 0, 0)", "transparent"].includes(style.backgroundColor);
    return hasLine || hasGround;
  };
  const scrolls = (element) => ["auto", "scroll"].includes(styleOf(element).overflowX);
  const cuts = (element) => ["hidden", "clip"].includes(styleOf(element).overflowX);
  const isTold = (element) =>
    element.closest("[title]") !== null || element.matches("input, textarea, select");

  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    found.push("the whole page scrolls sideways");
  }
  if (open !== null && open.scrollWidth > open.clientWidth + ROUNDING) {
    found.push("the dialog scrolls sideways");
  }

  /** What lies in a box that was reported needs no report of its own. */
  const outside = new Set();
  const isWithin = (element) => {
    for (let at = element.parentElement; at !== null; at = at.parentElement) {
      if (outside.has(at)) {
        return true;
      }
    }
    return false;
  };

  /** Reports a box from `left` to `right` that lies outside; says whether it did. */
  const judge = (what, element, left, right) => {
    for (let at = element.parentElement; at !== null; at = at.parentElement) {
      if (scrolls(at) && at.scrollWidth > at.clientWidth) {
        return false;
      }
      const box = at.getBoundingClientRect();
      const isOut = right > box.right + ROUNDING || left < box.left - ROUNDING;
      if (isOut && cuts(at)) {
        if (styleOf(at).textOverflow !== "ellipsis" || !isTold(at)) {
          found.push(`${what} is cut off by ${named(at)}`);
          return true;
        }
        return false;
      }
      if (isOut && (isFrame(at) || at === document.body)) {
        found.push(`${what} lies outside of ${named(at)}`);
        return true;
      }
      if (at === root) {
        return false;
      }
    }
    return false;
  };

  for (const element of root.querySelectorAll("*")) {
    if (!isDrawn(element) || isAside(element) || isWithin(element)) {
      continue;
    }
    const box = element.getBoundingClientRect();
    if (judge(named(element), element, box.left, box.right)) {
      outside.add(element);
      continue;
    }
    if (
      cuts(element) &&
      element.scrollWidth > element.clientWidth + ROUNDING &&
      element.localName !== "input" &&
      !isTold(element)
    ) {
      found.push(`the text of ${named(element)} is shortened and has no title`);
    }
  }

  // Text that is wider than its cell runs into the next one, although no box does.
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const parent = text.parentElement;
    if (text.data.trim() === "" || !isDrawn(parent) || isAside(parent)) {
      continue;
    }
    let block = parent;
    let isCut = cuts(block) || scrolls(block);
    while (["inline", "contents"].includes(styleOf(block).display)) {
      block = block.parentElement;
      isCut ||= cuts(block) || scrolls(block);
    }
    const range = document.createRange();
    range.selectNodeContents(text);
    const right = range.getBoundingClientRect().right;
    if (!isCut && right > block.getBoundingClientRect().right + ROUNDING) {
      found.push(`the text "${text.data.trim().slice(0, 40)}" runs out of ${named(block)}`);
    }
  }
  return [...new Set(found)];
}
