// Bring your own: a semaphore of a few lines, which the search checks in every state.

import { ask } from "./host.js";
import { copyAddress, h, say, show } from "./dom.js";
import { figure } from "./figure.js";

// The lines of each function, with their letters in links. `src/gates/own.rs` runs them.
const FUNCTIONS = [
  ["acquire", "runs when a task asks for a permit", {
    a: "while free == 0 { join the queue and wait }",
    b: "if free == 0 { join the queue and wait }",
    c: "if free == 0 or others wait { join the queue and wait }",
    d: "free -= 1",
    e: "free -= 1, unless a permit was handed over",
    f: "if free > 0 { wake the first }",
  }],
  ["release", "runs when a permit is dropped or added", {
    g: "free += 1",
    h: "wake the first",
    i: "wake all",
    j: "hand a permit to the first; if none waits, free += 1",
  }],
  ["cancel", "runs when a task that waits is cancelled; its request has left the queue", {
    k: "if it was woken { wake the first }",
    l: "if a permit was handed to it { release() }",
    h: "wake the first",
  }],
];

const EXAMPLES = [
  ["The textbook", "ad-gh-"],
  ["asyncio until 2015", "cd-gh-"],
  ["Too eager", "cd-gh-h"],
  ["Hands permits over", "ce-j-"],
];
const MOST = 6;

export function own(content, address) {
  document.title = "Bring your own · fairgate playground";
  const [, code = "", played = ""] = address.split(".");
  const read = (text) => {
    const parts = text.split("-");
    const known = parts.length === 3 && parts.every((part, index) => part.length <= MOST && [...part].every((letter) => letter in FUNCTIONS[index][2]));
    return known ? parts.map((part) => [...part]) : null;
  };
  const linked = read(code);
  const state = { lines: linked ?? read(EXAMPLES[0][1]), result: null, copied: false, trouble: code && !linked ? `"${code}" is no semaphore of this language.` : null };
  let stop = () => {};
  let era = 0;

  const text = () => state.lines.map((part) => part.join("")).join("-");
  const editor = h("div", { class: "area editor" });
  const result = h("div");
  const game = h("div");
  content.replaceChildren(h("div", { class: "home own" },
    h("h1", {}, "Bring your own"),
    h("p", { class: "lead" }, "Write a semaphore: a number ", h("code", {}, "free"), ", a queue, and three functions of a few lines. Then let every sequence of moves be tried: three tasks ask, two permits arrive one by one, and each task may be cancelled at any moment. You get the shortest sequence that breaks it, or the number of states in which it holds."),
    h("p", {}, "Begin with: ", EXAMPLES.map(([name, example]) => [h("a", { href: `#own.${example}` }, name), " · "]), h("a", { href: "#lesson.cancellation" }, "the lesson about it")),
    h("div", { class: "own-grid" }, editor, h("div", { class: "area" }, result, game))));
  draw();
  // A link with moves: they are played, and nothing is searched.
  if (linked && played) showFound(async () => [null, played]);

  function change(apply, said) {
    apply();
    era += 1;
    stop();
    game.replaceChildren();
    Object.assign(state, { result: null, copied: false, trouble: null });
    history.replaceState(null, "", `#own.${text()}`);
    draw();
    say(said);
  }

  // Shows what `find` finds, unless the code was changed since.
  async function showFound(find) {
    const now = ++era;
    stop();
    game.replaceChildren();
    Object.assign(state, { result: "running", copied: false, trouble: null });
    draw();
    try {
      const [found, moves] = await find();
      const world = moves && (await ask({ play: { game: `own.${text()}.${moves}` } }));
      if (now !== era) return;
      state.result = { found, moves, world };
      if (moves) {
        history.replaceState(null, "", `#own.${text()}.${moves}`);
        game.replaceChildren(figure(`own.${text()}.${moves}`, (stopFigure) => (stop = stopFigure), { opens: false }));
      }
    } catch (error) {
      if (now !== era) return;
      Object.assign(state, { result: null, trouble: error.message });
    }
    draw();
    say(sentence());
  }

  function search() {
    return showFound(async () => {
      const found = await ask({ search: { level: "own", variant: text() } });
      return [found, found.solution?.join("")];
    });
  }

  function sentence() {
    const { found, world } = state.result ?? {};
    if (!found && !world) return state.trouble ?? "";
    if (found && !found.solution) {
      return found.complete ? `It holds in all ${found.states} states, with ${found.moves} moves between them.` : `It holds in the first ${found.states} states; there are more.`;
    }
    const broken = world.violations.at(-1)?.text;
    const made = world.moves.length === 1 ? "1 move" : `${world.moves.length} moves`;
    if (!broken) return `It holds in ${made}.`;
    return `It breaks after ${made}. ${broken}${found ? " No shorter sequence breaks it." : ""}`.replaceAll("`", "");
  }

  function draw() {
    show(editor, h("h2", {}, "Your code"), FUNCTIONS.map((entry, index) => functionOf(entry, index)),
      h("div", { class: "actions" }, h("button", { type: "button", class: "strong", id: "try", "data-focus": "try", onclick: search }, "Try every sequence")));
    const { result: it, trouble } = state;
    show(result,
      h("h2", {}, "Does it hold?"),
      trouble ? h("p", { class: "trouble", role: "alert" }, trouble) : null,
      it === "running" ? h("p", {}, "Searching …") : it ? h("p", { class: `verdict ${it.world?.violations.length ? "broken" : it.found ? "won" : ""}` }, sentence()) : h("p", { class: "about" }, "“Try every sequence” tells you."),
      it?.moves ? h("p", {}, "The moves: ", h("code", {}, it.moves), " (a letter polls a task, x cancels it, 1 adds a permit) ",
        h("button", { type: "button", "data-focus": "link", id: "link", onclick: copy }, state.copied ? "Copied ✓" : "Copy link")) : null);
  }

  async function copy() {
    state.copied = await copyAddress();
    if (!state.copied) state.trouble = `Copy this address: ${location.href}`;
    draw();
  }

  function functionOf([name, when, lines], index) {
    const own = state.lines[index];
    const button = (label, title, id, off, act) => h("button", { type: "button", class: "small", "aria-label": title, title, "data-focus": id, "aria-disabled": off ? "true" : null, onclick: () => off || act() }, label);
    const swap = (from, to) => change(() => { [own[from], own[to]] = [own[to], own[from]]; }, `Line ${from + 1} is line ${to + 1} now.`);
    return h("fieldset", { class: "function" }, h("legend", {}, h("code", {}, `fn ${name}`), h("small", { class: "about" }, ` ${when}`)),
      h("ol", { class: "lines" }, own.map((letter, at) => h("li", {}, h("code", {}, lines[letter]), h("span", { class: "buttons" },
        button("↑", `Move line ${at + 1} of ${name} up`, `${name}-${at}-up`, at === 0, () => swap(at, at - 1)),
        button("↓", `Move line ${at + 1} of ${name} down`, `${name}-${at}-down`, at === own.length - 1, () => swap(at, at + 1)),
        button("✕", `Delete line ${at + 1} of ${name}`, `${name}-${at}-delete`, false, () => change(() => own.splice(at, 1), `Line ${at + 1} is deleted.`)))))),
      own.length ? null : h("p", { class: "about" }, "does nothing"),
      own.length < MOST ? h("label", {}, "Add ", h("select", { "data-focus": `${name}-add`, id: `add-${name}`, onchange: (event) => {
        const letter = event.target.value;
        event.target.value = "";
        if (letter) change(() => own.push(letter), `Added: ${lines[letter]}.`);
      } }, h("option", { value: "" }, "a line …"), Object.entries(lines).map(([letter, line]) => h("option", { value: letter }, line)))) : null);
  }

  return {
    close: () => { era += 1; stop(); },
  };
}
