// Makes elements. `h("p", { class: "x", onclick: f }, "text", h("b", {}, "bold"))`

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A link to a page elsewhere.
export const outside = (url, text, attributes) => h("a", { href: url, rel: "noopener", target: "_blank", ...attributes }, text);

// Text with `code` in it.
export const rich = (text) =>
  text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

const HANDLERS = ["onclick", "onchange", "oninput", "ontoggle"];

// Makes an element show these children, and changes only what is different. So focus, scroll position and a drag on a
// slider survive. A control that is gone hands the focus to the next one that can be used.
export function show(element, ...children) {
  const focused = document.activeElement?.closest?.("[data-focus]");
  const inside = element.contains(focused);
  update(element, children.flat(Infinity).filter(Boolean));
  if (!inside || focused.isConnected) return;
  const same = element.querySelector(`[data-focus="${CSS.escape(focused.dataset.focus)}"]`);
  (same ?? element.querySelector("[data-focus]:not([aria-disabled])"))?.focus({ preventScroll: true });
}

function update(element, children) {
  let old = element.firstChild;
  for (const child of children) {
    const next = old?.nextSibling;
    if (!old) element.append(child);
    else if (alike(old, child)) patch(old, child);
    else old.replaceWith(child);
    old = next;
  }
  while (old) {
    const next = old.nextSibling;
    old.remove();
    old = next;
  }
}

// A control is never turned into another one.
const alike = (old, fresh) => old.nodeName === fresh.nodeName && old.dataset?.focus === fresh.dataset?.focus;

function patch(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) if (old[name] !== fresh[name]) old[name] = fresh[name];
  if (old.nodeName === "INPUT") {
    if (old.value !== fresh.value) old.value = fresh.value;
    old.checked = fresh.checked;
  }
  update(old, [...fresh.childNodes]);
}

// Lays out the parts of a page: by the first layout whose media query matches, each a function that returns elements. The
// order of the elements is what the Tab key and a screen reader follow, so it has to be the order that the eye sees. The
// query "large" stands for the lecture mode. Returns a function that stops it.
export function layOut(element, layouts) {
  const queries = layouts.map(([query]) => (query === "large" ? null : matchMedia(query)));
  let shown = null;
  const apply = () => {
    const index = queries.findIndex((query) => (query ? query.matches : isLarge() && innerWidth >= 800 && innerHeight >= 500));
    const [query, name, make] = layouts[index];
    if (shown === query) return;
    shown = query;
    const focused = document.activeElement;
    const inside = element.contains(focused);
    element.dataset.layout = name;
    element.replaceChildren(...make());
    if (inside) focused.focus({ preventScroll: true });
    element.dispatchEvent(new Event("layout"));
  };
  const events = ["resize", "large"];
  for (const event of events) addEventListener(event, apply);
  apply();
  return () => events.forEach((event) => removeEventListener(event, apply));
}

export const column = (...parts) => h("div", { class: "column" }, parts);
export const isLarge = () => document.documentElement.classList.contains("large");

// For screen readers.
export function say(text) {
  document.getElementById("said").textContent = text;
}

// Whether the address of the page is in the clipboard now.
export async function copyAddress() {
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    return false;
  }
  say("The link is copied.");
  return true;
}

// A heading as it is in an address.
export const slug = (text) => text.toLowerCase().replace(/[^a-z0-9 ]/g, "").replaceAll(" ", "-");

export const letter = (task) => String.fromCharCode(65 + task);

// The token of a task: a coloured disc with its letter.
export const token = (name, extra) =>
  h("span", { class: `token task-${name.length > 1 ? "you" : name} ${extra ?? ""}`, "aria-hidden": "true" }, name === "You" ? "you" : name);

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
