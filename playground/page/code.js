// Listings of code.

import { h, token } from "./dom.js";

// Code, with the tasks that stand at each line if `at` says which.
// `look` says for each line how it looks: "touched", "current" or "guilty".
export function listing(label, text, at, language = "rust", look = () => null) {
  const line = (code, index) => {
    const here = at ? at(index) : [];
    const bare = code.trimStart();
    const kind = look(index);
    return h("li", { class: here.length ? "here" : kind ?? "" },
      kind === "current" || kind === "guilty" ? h("span", { class: "hidden" }, kind === "current" ? "This statement: " : "The guilty line: ") : null,
      at ? h("span", { class: "marks" }, here.map((task) => [token(task.name), h("span", { class: "hidden" }, `${task.name} stands here. `)])) : null,
      h("code", { class: "indent" }, code.slice(0, code.length - bare.length)),
      h("code", { class: "line" }, colour(bare, language)));
  };
  return h("div", { class: "listing", role: "region", "aria-label": label }, h("ol", {}, text.split("\n").map(line)));
}

const WORDS = /(\/\/.*$)|(\.await)|\b(async|fn|let|mut|if|else|for|in|return|match|loop|while|move|use|const|struct|impl|self|Ok|Some|None|Err)\b|("[^"]*")/g;

const PYTHON = /(#.*$)|\b(await)\b|\b(async|def|import|from|return|with|while|for|in|if|else|try|except|finally|pass|global|yield|None)\b|(f?"[^"]*")/g;

// Keywords, comments, and above all `.await`, where the scheduler may switch.
function colour(text, language) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(language === "python" ? PYTHON : WORDS)) {
    const kind = ["comment", "await", "keyword", "string"][[1, 2, 3, 4].findIndex((group) => match[group])];
    parts.push(breakable(text.slice(from, match.index)), kind === "await" && h("wbr"), h("span", { class: kind }, match[0]));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from) ? breakable(text.slice(from)) : parts.length ? "" : "\u00a0"];
}

// A line that is too long for a phone goes on below after an opening parenthesis, or before a dot, not within a name or
// an arrow.
const breakable = (text) => text.split(/(?<=\()|(?=\.[a-z])/).map((part, index) => [index > 0 && h("wbr"), whole(part)]);
const whole = (text) => text.split(/(->)/).map((part) => (part === "->" ? h("span", { class: "whole" }, part) : part));
