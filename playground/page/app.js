// The parts of the page, and which one the address asks for.

import { ask } from "./host.js";
import { h, say, show } from "./dom.js";
import * as store from "./store.js";
import { home } from "./home.js";
import { level } from "./level.js";
import { lesson } from "./lesson.js";
import { own } from "./own.js";
import { sandbox } from "./sandbox.js";

const content = document.getElementById("content");
let levels;
let page = { close() {}, key() {} };
let shown = null;

// A link may come from anywhere, and `%` may stand for itself in it.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// After a change of the page: the focus is at its heading, which a screen reader reads, and not lost.
function arrive() {
  const heading = content.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  say(page.arrived?.() ?? "");
}

async function route() {
  const hash = location.hash.slice(1);
  const address = hash === "content" ? "" : decoded(hash); // the skip link, where it was followed without this script
  const [first] = address.split(".");
  const known = levels.find((other) => other.id === first);
  const isChange = shown !== null;
  // A link to the same level with other moves keeps the level as it is.
  if (known && page.goTo && shown === first) return page.goTo(address);
  page.close?.();
  shown = first;
  let name = "home";
  if (known) {
    name = "level";
    page = level(content, levels, known);
    await page.goTo(address);
  } else if (first === "lesson") {
    name = "lesson";
    page = lesson(content, levels, address);
  } else if (first === "own") {
    name = "own";
    page = own(content, address);
  } else if (first === "sandbox") {
    name = "sandbox";
    page = sandbox(content, address);
  } else {
    page = home(content, levels, address && `There is no level "${first}".`);
  }
  document.getElementById("skip-moves").hidden = name !== "level";
  for (const link of document.querySelectorAll("[data-page]")) {
    const current = link.dataset.page === (name === "level" ? "home" : name);
    current ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
  if (isChange) arrive();
}

function settings() {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const large = document.getElementById("large");
  const keys = document.getElementById("keys");
  [theme.value, large.checked, keys.checked] = [store.get("theme"), store.get("large"), store.get("keys")];
  const apply = () => {
    root.dataset.theme = theme.value;
    root.classList.toggle("large", large.checked);
    root.classList.toggle("no-keys", !keys.checked);
    dispatchEvent(new Event("large"));
  };
  const change = () => {
    store.set("theme", theme.value);
    store.set("large", large.checked);
    store.set("keys", keys.checked);
    apply();
  };
  for (const control of [theme, large, keys]) control.addEventListener("change", change);
  apply();
}

function onKey(event) {
  if (!store.get("keys") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("select, textarea")) return;
  if (page.key?.(event)) event.preventDefault();
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
document.getElementById("skip-moves").addEventListener("click", (event) => {
  event.preventDefault();
  content.querySelector(".move:not([aria-disabled])")?.focus();
});
store.watch(() => page.refresh?.());
addEventListener("hashchange", route);
addEventListener("keydown", onKey);
settings();
try {
  levels = await ask({ levels: {} });
  await route();
  content.dataset.ready = "";
} catch (error) {
  show(content, h("p", { class: "trouble", role: "alert" }, error.message));
}
