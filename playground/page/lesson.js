// The lesson as a path: each section has a program in Python and in Rust, a figure that moves, an exercise, and its levels.

import { h, rich, show, slug } from "./dom.js";
import { get, isDone, set } from "./store.js";
import { listing } from "./code.js";
import { figure } from "./figure.js";
import PROGRAMS from "./programs.js";
import { SECTIONS } from "./sections.js";

const sections = SECTIONS.map((section) => ({ ...section, id: slug(section.title) }));

// A section is done when each of its levels is won or proved once.
const levelsOf = (section, levels) => levels.filter((level) => level.chapter === section.title);
const isStarted = (level) => level.variants.some((variant) => isDone(level.id, variant.id));
const isOver = (section, levels) => levelsOf(section, levels).every(isStarted);

export function lesson(content, levels, address) {
  const [, wanted] = address.split(".");
  const index = sections.findIndex(({ id }) => id === wanted);
  let stop = () => {};
  const page = index < 0 ? overview(levels, wanted) : section(levels, index, (stopFigure) => (stop = stopFigure));
  if (index >= 0) set("section", sections[index].id);
  document.title = `${index < 0 ? "Lesson" : sections[index].title} · fairgate playground`;
  content.replaceChildren(page);
  return {
    close: () => stop(),
    arrived: () => (index < 0 ? "" : `Section ${index + 1} of ${sections.length}.`),
    refresh: () => index < 0 && show(content, overview(levels, wanted)),
  };
}

const link = (id, ...text) => h("a", { class: "button", href: `#lesson.${id}` }, text);

function overview(levels, wanted) {
  const next = sections.find((section) => section.id === get("section") && !isOver(section, levels)) ?? sections.find((section) => !isOver(section, levels));
  const variants = levels.flatMap((level) => level.variants.map((variant) => isDone(level.id, variant.id)));
  const done = variants.filter(Boolean).length;
  const started = sections.some((section) => levelsOf(section, levels).some(isStarted));
  return h("div", { class: "home" },
    wanted ? h("p", { class: "trouble", role: "alert" }, `The lesson has no section "${wanted}".`) : null,
    h("h1", {}, "A lesson with one primitive"),
    h("p", { class: "lead" }, "You know async functions from Python, and you have never used a semaphore in Rust. Eight short sections go from twenty requests at once to a request that is cancelled after its permit was granted. Each shows the same program in Python and in Rust, lets a figure move, and ends in levels that you play."),
    h("p", {}, next
      ? h("a", { class: "button strong", id: "continue", href: `#lesson.${next.id}` }, started ? `Continue: ${next.title}` : `Start: ${next.title}`)
      : h("b", {}, "You have been through all of it.")),
    h("ol", { class: "cards" }, sections.map((section, index) => h("li", {},
      h("a", { class: `card ${isOver(section, levels) ? "done" : ""}`, href: `#lesson.${section.id}` },
        h("b", {}, `${index + 1}. ${section.title}`),
        h("span", {}, section.about),
        h("small", { class: "state" }, isOver(section, levels) ? "✓ done" : `${levelsOf(section, levels).filter(isStarted).length} of ${levelsOf(section, levels).length} levels started`))))),
    h("h2", {}, "So far"),
    h("p", { id: "so-far" }, `${sections.filter((section) => isOver(section, levels)).length} of ${sections.length} sections are done, and ${done} of ${variants.length} variants of the levels are won or proved.`),
    next ? null : h("div", {}, h("h2", {}, "In short"), h("ul", {}, sections.map(({ short }) => h("li", {}, rich(short))))));
}

function section(levels, index, onStop) {
  const { id, title, text, terms, figure: game, caption, exercise, short } = sections[index];
  const next = sections[index + 1];
  const own = levelsOf(sections[index], levels);
  const programs = PROGRAMS[id];
  const program = (label, name, code, language) => h("section", { "aria-label": label },
    h("h2", {}, label), listing(`${label}: ${name}`, code.trimEnd(), null, language));
  return h("article", { class: "lesson-page" },
    h("p", { class: "crumb" }, h("a", { href: "#lesson" }, "Lesson"), ` · section ${index + 1} of ${sections.length}`),
    h("h1", {}, title),
    text.map((paragraph) => h("p", {}, rich(paragraph))),
    h("div", { class: "programs" },
      program("Python", `${id}.py`, programs.py, "python"),
      program("Rust", `${id}.rs`, programs.rs, "rust")),
    h("p", { class: "about" }, "Both print: ", h("span", { class: "printed" }, programs.out.trimEnd().split("\n").map((line) => h("code", {}, line)))),
    h("p", { class: "about" }, "Run them: ", h("code", {}, `python3 playground/lesson/${id}.py`), " and ", h("code", {}, `cargo run -p fairgate-playground --example lesson-${id}`)),
    terms.length ? [h("h2", {}, "What is different from Python"), h("dl", { class: "terms" }, terms.map(([term, meaning]) => [h("dt", {}, rich(term)), h("dd", {}, rich(meaning))]))] : null,
    h("h2", {}, "The figure"),
    h("p", {}, rich(caption)),
    figure(game, onStop),
    exerciseOf(exercise),
    h("h2", {}, "In short"),
    h("p", { class: "goal" }, rich(short)),
    h("h2", {}, own.length === 1 ? "The level of this section" : "The levels of this section"),
    h("ul", { class: "cards" }, own.map((level) => h("li", {}, h("a", { class: `card ${isStarted(level) ? "done" : ""}`, href: `#${level.id}.${level.variants[0].id}.` },
      h("b", {}, `${levels.indexOf(level) + 1}. ${level.title}`), h("span", {}, rich(level.goal)), isStarted(level) ? h("small", { class: "state" }, "✓ started") : null)))),
    h("p", { class: "actions" },
      index ? link(sections[index - 1].id, `Back: ${sections[index - 1].title}`) : null,
      next ? link(next.id, `Next: ${next.title}`) : h("a", { class: "button", href: "#lesson" }, "To the summary")));
}

// An exercise with hints that open one by one, and a solution that is a program.
function exerciseOf({ ask: question, hints, solution }) {
  const { rs, out } = PROGRAMS[`exercise-${solution}`];
  return [
    h("h2", {}, "Exercise"),
    h("p", {}, rich(question)),
    hints.map((hint, index) => h("details", {}, h("summary", {}, `Hint ${index + 1}`), h("p", { class: "hint" }, rich(hint)))),
    h("details", {}, h("summary", {}, "A solution"),
      listing("Solution", rs.trimEnd(), null, "rust"),
      h("p", { class: "about" }, "It prints: ", h("span", { class: "printed" }, out.trimEnd().split("\n").map((line) => h("code", {}, line)))),
      h("p", { class: "about" }, "Run it: ", h("code", {}, `cargo run -p fairgate-playground --example lesson-exercise-${solution}`))),
  ];
}
