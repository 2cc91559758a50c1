// The list of levels.

import { h, rich } from "./dom.js";
import { get, isDone } from "./store.js";

const WORDS = [
  ["Task", "A piece of a program that can wait without blocking the others. Here: an `async fn`."],
  ["Poll", "To let a task run until its next `.await` that is not ready. You do that by a click; a real program has an executor for it."],
  ["Permit", "What a semaphore hands out. There is a fixed number of them. A task that finds none waits."],
  ["Semaphore", "A number of permits and a queue of requests. It lets n tasks through at once. A lock is a semaphore of one permit."],
  ["Release", "To drop a permit, which makes it available to the next request."],
  ["Grant", "To let a waiting request have its permit. Its task has not run since then, but no other can take the permit."],
  ["Wake", "To report to the executor that a task has something to do again. A woken task has not run yet."],
  ["Cancel", "To drop the future of a task, which is what an `async fn` returns, before it is done. All that it holds is released."],
];

export const words = () => h("dl", { class: "words" }, WORDS.map(([word, meaning]) => [h("dt", {}, word), h("dd", {}, rich(meaning))]));

// Where the reader was last.
function continueLink() {
  const last = get("last");
  return last && last.split(".")[2] ? [h("a", { class: "button", id: "continue", href: `#${last}` }, "Continue your game"), " "] : null;
}

const DIFFICULTY = ["Easy", "Medium", "Hard"];

export function home(content, levels, trouble) {
  document.title = "fairgate playground";
  const card = (level) => {
    const done = level.variants.filter((variant) => isDone(level.id, variant.id)).length;
    const all = done === level.variants.length;
    return h("li", {},
      h("a", { class: `card ${all ? "done" : ""}`, href: `#${level.id}.${level.variants[0].id}.` },
        h("small", {}, level.chapter),
        h("b", {}, level.title),
        h("span", {}, rich(level.goal)),
        h("small", { class: "state" }, all ? "✓ done" : `${done} of ${level.variants.length} variants done`)));
  };
  content.replaceChildren(
    h("div", { class: "home" },
      trouble && h("p", { class: "trouble", role: "alert" }, trouble),
      h("h1", {}, "You are the scheduler"),
      h("p", { class: "lead" },
        "Each level is a small program with a few tasks, and a goal: make something go wrong. You decide which task runs next, which one is cancelled, and when a permit is released. The tasks are real Rust on a real semaphore. The same level is then played on ", h("b", {}, "fairgate"), ", where you are invited to try as hard as you can."),
      h("p", {}, h("a", { class: "button strong", href: `#${levels[0].id}.${levels[0].variants[0].id}.` }, "Start with level 1"), " ",
        h("a", { class: "button", href: "#lesson" }, "Take the lesson"), " ",
        continueLink(),
        h("a", { class: "button", href: "#sandbox" }, "Or play with a whole run")),
      h("details", {}, h("summary", {}, "The words, for a first visit"),
        words()),
      h("h2", {}, "Levels"),
      h("p", { class: "about" }, "How hard a level is was measured with random moves. The lesson has its own order."),
      DIFFICULTY.map((difficulty) => [
        h("h3", {}, difficulty),
        h("ul", { class: "cards" }, levels.filter((level) => level.difficulty === difficulty.toLowerCase()).map(card))])));
  return { refresh: () => home(content, levels) };
}
