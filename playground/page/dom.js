// Makes elements. `h("p", { class: "x", onclick: f }, "text", h("b", {}, "bold"))`

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Text with `code` in it.
export const rich = (text) =>
  text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

// Replaces what is in an element; the focus stays on the control with the same data-focus.
export function show(element, ...children) {
  const focused = document.activeElement?.closest?.("[data-focus]");
  const key = element.contains(focused) ? focused.dataset.focus : null;
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (key) element.querySelector(`[data-focus="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// For screen readers.
export function say(text) {
  document.getElementById("said").textContent = text;
}

export const letter = (task) => String.fromCharCode(65 + task);

// The token of a task: a coloured disc with its letter.
export const token = (name, extra) =>
  h("span", { class: `token task-${name.length > 1 ? "you" : name} ${extra ?? ""}`, "aria-hidden": "true" }, name === "You" ? "you" : name);

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
