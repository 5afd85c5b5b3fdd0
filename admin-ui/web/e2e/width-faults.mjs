//! What is wrong with the layout of the page that is shown: boxes outside of their containers, sideways scrolling of the
//! whole page, and shortened text without its full form. Runs inside the page, so it uses nothing from outside.

/** Pixels that are no fault: layouts round. */
const ROUNDING = 1.5;

function named(element) {
  const classes = typeof element.className === "string" ? element.className.trim() : "";
  const text = (element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40);
  return `${element.localName}${classes === "" ? "" : `.${classes.split(/\s+/).join(".")}`} "${text}"`;
}

function isDrawn(element) {
  const { width, height } = element.getBoundingClientRect();
  return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
}

/** What is not laid out with the rest. */
function isAside(element) {
  return (
    element.closest(".visually-hidden, .uplot, .skip-link, svg *, option, [hidden]") !== null ||
    ["absolute", "fixed"].includes(getComputedStyle(element).position)
  );
}

/** What the eye takes for a frame: it has a line around it or a ground of its own. */
function isFrame(element) {
  const style = getComputedStyle(element);
  const hasLine = Number.parseFloat(style.borderRightWidth) > 0;
  return hasLine || !["rgba(0, 0, 0, 0)", "transparent"].includes(style.backgroundColor);
}

function scrolls(element) {
  return ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
}

function cuts(element) {
  return ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
}

/** Whether the whole text can be read elsewhere. */
function isTold(element) {
  return element.closest("[title]") !== null || element.matches("input, textarea, select");
}

/** What a box lies outside of, in words; `null`: of nothing. */
function outsideOf(element, root) {
  const { left, right } = element.getBoundingClientRect();
  for (let at = element.parentElement; at !== null; at = at.parentElement) {
    if (scrolls(at) && at.scrollWidth > at.clientWidth) {
      return null;
    }
    const box = at.getBoundingClientRect();
    const isOut = right > box.right + ROUNDING || left < box.left - ROUNDING;
    if (isOut && cuts(at)) {
      const isShortened = getComputedStyle(at).textOverflow === "ellipsis" && isTold(at);
      return isShortened ? null : `is cut off by ${named(at)}`;
    }
    if (isOut && (isFrame(at) || at === document.body)) {
      return `lies outside of ${named(at)}`;
    }
    if (at === root) {
      return null;
    }
  }
  return null;
}

/** What lies in a box that was reported needs no report of its own. */
function boxFaults(root) {
  const found = [];
  const reported = new Set();
  for (const element of root.querySelectorAll("*")) {
    if (reported.has(element.parentElement)) {
      reported.add(element);
      continue;
    }
    if (!isDrawn(element) || isAside(element)) {
      continue;
    }
    const fault = outsideOf(element, root);
    if (fault !== null) {
      found.push(`${named(element)} ${fault}`);
      reported.add(element);
    } else if (
      cuts(element) &&
      element.scrollWidth > element.clientWidth + ROUNDING &&
      !isTold(element)
    ) {
      found.push(`the text of ${named(element)} is shortened and has no title`);
    }
  }
  return found;
}

/** Text that is wider than its block runs into what is beside it, although no box does. */
function textFaults(root) {
  const found = [];
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    let block = text.parentElement;
    if (text.data.trim() === "" || !isDrawn(block) || isAside(block)) {
      continue;
    }
    let isCut = cuts(block) || scrolls(block);
    while (["inline", "contents"].includes(getComputedStyle(block).display)) {
      block = block.parentElement;
      isCut ||= cuts(block) || scrolls(block);
    }
    const range = document.createRange();
    range.selectNodeContents(text);
    const { right } = range.getBoundingClientRect();
    if (!isCut && right > block.getBoundingClientRect().right + ROUNDING) {
      found.push(`the text "${text.data.trim().slice(0, 40)}" runs out of ${named(block)}`);
    }
  }
  return found;
}

function faults() {
  const open = document.querySelector("dialog[open]");
  const root = open ?? document.body;
  const found = [...boxFaults(root), ...textFaults(root)];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    found.push("the whole page scrolls sideways");
  }
  if (open !== null && open.scrollWidth > open.clientWidth + ROUNDING) {
    found.push("the dialog scrolls sideways");
  }
  return [...new Set(found)];
}

const PARTS = [
  named,
  isDrawn,
  isAside,
  isFrame,
  scrolls,
  cuts,
  isTold,
  outsideOf,
  boxFaults,
  textFaults,
];

/** An expression for the page; its value is the list of faults. */
export const FAULTS = `(() => { const ROUNDING = ${ROUNDING}; ${PARTS.join("\n")} return (${faults})(); })()`;
