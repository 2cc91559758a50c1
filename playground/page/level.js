// A level: the story, the code, the moves, and where they lead.

import { ask } from "./host.js";
import { column, copyAddress, h, isLarge, layOut, outside, reducedMotion, rich, say, show, slug, token } from "./dom.js";
import { isDone, keepMoves, keptMoves, markDone, set } from "./store.js";
import { words } from "./home.js";
import { listing } from "./code.js";
import { drawing, sentence } from "./inside.js";
import { picture } from "./picture.js";
import { PHASES, timeline, zoom } from "./timeline.js";

const STATUS = {
  "not started": "○",
  ready: "▶",
  woken: "!",
  waiting: "⋯",
  done: "✓",
  cancelled: "✕",
  closed: "✕",
  refused: "✕",
  "timed out": "✕",
  "no connection": "✕",
};
const ENDS = ["done", "cancelled", "closed", "refused", "timed out", "no connection"];

const DOCS = "https://docs.rs/fairgate/latest/fairgate/";

let isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";

export function level(content, levels, level) {
  const number = levels.indexOf(level) + 1;
  const next = levels[number];
  const state = {
    variant: level.variants[0],
    moves: [], // all moves, the undone ones included
    at: 0, // how many of them are made
    world: null,
    hint: false,
    predicted: null, // the status that the player expects after the next poll, and the right one; "" if it was shown
    answer: null, // to the question
    asking: false,
    found: null, // by the search
    trouble: null,
    notice: null, // why a key made no move
    copied: false,
    story: null, // whether it is open; null as long as the player has not decided
    words: number === 1,
    semaphore: innerWidth >= 960, // whether its code is shown
    named: false, // whether the guilty line was shown
    inside: null, // which statement of the last move is shown; null is the last one
    threads: null, // the steps of two threads, if they are shown instead of the last move
    player: null, // shows the solution
  };

  document.title = `${level.title} · fairgate playground`;
  const areas = Object.fromEntries(["intro", "code", "reveal", "how", "moves", "outcome", "picture", "line", "log"].map((name) => [name, h("div", { class: `area ${name}` })]));
  const grid = h("div", { class: "level" });
  const pick = (...names) => names.map((name) => areas[name]);
  const stopLayout = layOut(grid, [
    ["large", "lecture", () => [
      h("div", { class: "stage" }, pick("intro", "outcome", "code", "picture")),
      areas.moves,
      h("div", { class: "rest" }, column(pick("line", "log")), column(pick("how", "reveal")))]],
    ["(min-width: 100rem)", "triple", () => [column(pick("intro", "moves", "outcome", "reveal")), column(pick("code", "how")), column(pick("picture", "line", "log"))]],
    ["(min-width: 60rem)", "wide", () => [column(pick("intro", "code", "how", "reveal")), column(pick("moves", "outcome", "picture", "line", "log"))]],
    ["(max-height: 32rem) and (min-width: 36rem)", "landscape", () => [column(pick("intro", "code", "picture", "how", "line", "reveal", "log")), column(pick("moves", "outcome"))]],
    ["all", "narrow", () => [areas.intro, h("div", { class: "dock" }, pick("outcome", "moves")), ...pick("code", "picture", "how", "line", "reveal", "log")]],
  ]);
  grid.addEventListener("layout", () => draw());
  content.replaceChildren(grid);
  // The moves stay where they are while the page scrolls. What is scrolled to must not be hidden behind them.
  const bar = new ResizeObserver(() => document.documentElement.style.setProperty("--bar", `${(areas.moves.closest(".dock") ?? areas.moves).offsetHeight}px`));
  bar.observe(areas.moves);
  bar.observe(areas.outcome);

  // The worlds that are known, by the text of their games. Those one move away are asked for in advance.
  const worlds = new Map();
  const asked = new Set();
  let pending = false; // a step waits for its world
  let steps = []; // later steps wait behind it
  let era = 0; // a link, or leaving the level, makes every earlier step void

  const gameText = ({ variant, moves, at } = state) => `${level.id}.${variant.id}.${moves.slice(0, at).join("")}`;

  // Goes to what `change` makes of the state, in the same frame if the world there is known. Steps are taken one by one:
  // each `change` sees the world that the player saw last.
  // `own`: the last move is the player's, not that of a link or of the solution.
  function go(change, spoken = true, own = false) {
    steps.push([change, spoken, own]);
    return pending ? undefined : takeSteps();
  }

  async function takeSteps() {
    const now = era;
    pending = true;
    try {
      while (steps.length) {
        const [change, spoken, own] = steps.shift();
        const changed = change();
        if (!changed) continue;
        const game = gameText({ ...state, ...changed });
        if (!worlds.has(game)) {
          content.setAttribute("aria-busy", "true");
          worlds.set(game, await ask({ play: { game } }));
        }
        if (now !== era) return;
        Object.assign(state, changed, { world: worlds.get(game), trouble: null, notice: null, copied: false, inside: null, threads: null });
        arrive(game, spoken, own);
      }
    } catch (error) {
      if (now !== era) return;
      steps = [];
      state.trouble = error.message;
      draw();
    } finally {
      if (now === era) settle();
    }
  }

  function arrive(game, spoken, own) {
    if (own && state.world.won) markDone(level.id, state.variant.id);
    draw();
    if (spoken) announce();
    setTimeout(() => lookAhead(game));
    clearTimeout(addressing);
    addressing = setTimeout(showAddress, 150);
  }

  // Browsers limit how often the address may change, and take their time for it.
  let addressing = null;
  let address = location.hash;
  function showAddress() {
    clearTimeout(addressing);
    if (location.hash !== address) return; // a link was followed a moment ago
    history.replaceState(null, "", `#${gameText()}`);
    address = location.hash;
    keepMoves(gameText({ ...state, at: state.moves.length }));
    set("last", gameText());
  }

  // Asks for the worlds one move away, and for the starts of the other variants.
  function lookAhead(game) {
    if (game !== gameText() || asked.has(game)) return;
    asked.add(game);
    const starts = level.variants.map((variant) => gameText({ variant, moves: [], at: 0 })).filter((start) => !worlds.has(start));
    const learn = async (question) => {
      try {
        for (const [text, world] of Object.entries(await question)) worlds.set(text, world);
        if (game === gameText() && state.world.won) draw(); // the prediction needs the next worlds
      } catch {
        asked.delete(game); // the step itself will say what is wrong
      }
    };
    learn(ask({ around: { game } }));
    for (const start of starts) learn(ask({ play: { game: start } }).then((world) => ({ [start]: world })));
  }

  function forget() {
    clearTimeout(addressing);
    era += 1;
    steps = [];
    settle();
  }

  function settle() {
    pending = false;
    content.removeAttribute("aria-busy");
  }

  function announce() {
    say(state.world.said);
  }

  function make(move) {
    stopPlayer();
    return go(() => {
      if (state.world?.legal.some((legal) => legal.text === move)) {
        return { moves: [...state.moves.slice(0, state.at), move], at: state.at + 1 };
      }
      if (state.world) notice(whyNot(move));
      return null;
    }, true, true);
  }

  // A sentence in answer to a key or a button that does nothing.
  function notice(text) {
    state.notice = text;
    draw();
    say(text);
  }

  function whyNot(move) {
    const { world } = state;
    if (state.at >= 200) return "A game has at most 200 moves.";
    if (move === "t") {
      return world.others.some(({ text }) => text === "t") ? "Time passes only when a timer is set and no task that has started can run." : "No timer is set in this level.";
    }
    if (/\d/.test(move)) {
      const action = world.others.find(({ text }) => text === move);
      return action ? `“${action.label}” is not possible any more.` : `There is no action ${move}.`;
    }
    const name = move.at(-1);
    const task = world.tasks.find((other) => other.name === name);
    if (!task) return `There is no task ${name}.`;
    if (ENDS.includes(task.status)) return task.status === "done" || task.status === "cancelled" ? `${name} is ${task.status}.` : `${name} has ended: ${task.status}.`;
    if (move.length === 1) return `${name} waits and was not woken.`;
    return level.rules.cancel ? `${name} has not started.` : "In this level no task can be cancelled.";
  }

  // `to` is where to go, of the moves that are made or undone.
  function goTo(to) {
    return go(() => {
      const at = Math.max(0, Math.min(to(state.at), state.moves.length));
      return at === state.at ? null : { at };
    });
  }

  function undo() {
    stopPlayer();
    if (!state.at && !pending) return notice("No move to undo.");
    return goTo((at) => at - 1);
  }

  function redo() {
    stopPlayer();
    if (state.at >= state.moves.length && !pending) return notice("No move to redo.");
    return goTo((at) => at + 1);
  }

  async function choose(variant, focus = false) {
    stopPlayer();
    await go(() => ({ variant, moves: [], at: 0, found: null, predicted: null }), !focus);
    if (!focus) return;
    areas.moves.querySelector(".move")?.focus({ preventScroll: true });
    say(`Now on: ${variant.name}.`);
  }

  function restart() {
    stopPlayer();
    return go(() => ({ moves: [], at: 0, predicted: null }));
  }

  function stopPlayer() {
    clearInterval(state.player);
    state.player = null;
  }

  async function playSolution() {
    stopPlayer();
    await go(() => ({ moves: [...state.variant.solution], at: 0 }));
    if (reducedMotion()) return say("The solution is loaded. The right arrow key makes its next move.");
    stopPlayer();
    state.player = setInterval(() => {
      if (state.at >= state.moves.length) stopPlayer();
      else goTo((at) => at + 1);
    }, 1100);
  }

  async function search() {
    const { variant } = state;
    state.found = "running";
    draw();
    let [found, trouble] = [null, null];
    try {
      found = await ask({ search: { level: level.id, variant: variant.id } });
      if (!found.solution && found.complete) markDone(level.id, variant.id);
    } catch (error) {
      trouble = error.message;
    }
    if (variant !== state.variant) return;
    Object.assign(state, { found, trouble });
    draw();
    say(foundText());
  }

  function foundText() {
    const { found } = state;
    if (!found || found === "running") return "";
    if (found.solution) return `The goal can be reached in ${found.solution.length} moves. ${found.states} states were tried before.`;
    if (!found.complete) return `No sequence of moves reaches the goal in the first ${found.states} states.`;
    return `All ${found.states} states were tried, with ${found.moves} moves between them. No sequence of moves reaches the goal.`;
  }

  async function copyLink() {
    showAddress();
    state.copied = await copyAddress();
    if (!state.copied) state.trouble = `Copy this address: ${location.href}`;
    draw();
  }

  // What is drawn.

  function draw() {
    if (!state.world && !state.trouble) return;
    const done = level.variants.map((variant) => isDone(level.id, variant.id));
    redraw("intro", [state.variant.id, done, state.story, grid.dataset.layout], intro);
    // On a phone the variants are a row that scrolls.
    const chosen = areas.intro.querySelector(".chosen");
    chosen.parentElement.scrollLeft = chosen.offsetLeft - chosen.parentElement.offsetLeft;
    show(areas.outcome, outcome());
    if (!state.world) return;
    show(areas.moves, moves());
    show(areas.picture, h("h2", {}, "Now"), picture(state.world));
    const { hint, asking, found, answer } = state;
    redraw("reveal", [state.variant.id, hint, asking, found, answer, state.world.won, state.predicted, state.predicted?.game === gameText(), explains(), nextPoll()], reveal);
    show(areas.code, code());
    fit();
    // Where the semaphore is folded away, it opens once to show the guilty line.
    if (isGuilty() && !state.named) state.semaphore = state.named = true;
    redraw("how", [state.variant.id, state.at, insideSteps(), state.inside, isGuilty()], semaphore);
    drawTimeline();
    show(areas.log, log());
  }

  // In a lecture all of the code is on the screen, smaller if it must be.
  function fit() {
    if (grid.dataset.layout !== "lecture") return;
    for (const area of [areas.code, areas.picture]) {
      for (let size = 1; size >= 0.5; size -= 0.05) {
        area.style.setProperty("--fit", size);
        if (area.scrollHeight <= area.clientHeight) break;
      }
    }
  }

  // Draws an area anew only if what it shows has changed.
  const drawn = {};
  function redraw(name, shown, make) {
    const key = JSON.stringify(shown);
    if (drawn[name] === key) return;
    drawn[name] = key;
    show(areas[name], make());
  }

  function drawTimeline() {
    const { world } = state;
    const [svg, used] = timeline(world, state.at, width / zoom());
    const legend = used.map((phase) => h("span", {}, h("i", { class: `swatch ${PHASES[phase][0]}`, "aria-hidden": "true" }), PHASES[phase][1]));
    show(areas.line,
      h("h2", {}, "Timeline"),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Timeline", "data-focus": "timeline" }, svg),
      h("div", { class: "scrub" },
        h("label", {}, "Move ", h("output", {}, `${state.at} of ${state.moves.length}`), " ",
          h("input", { type: "range", min: "0", max: String(state.moves.length), value: String(state.at), "data-focus": "scrub", "aria-label": "Move", "aria-valuetext": `${state.at} of ${state.moves.length}`,
            oninput: (event) => { stopPlayer(); goTo(() => Number(event.target.value)); } })),
        h("button", { type: "button", "data-focus": "link", id: "link", onclick: copyLink }, state.copied ? "Copied ✓" : "Copy link")),
      legend.length ? h("p", { class: "legend" }, legend) : null);
    if (svg.width.baseVal.value * zoom() > width) areas.line.querySelector(".scroll").scrollLeft = 2 * svg.width.baseVal.value;
  }

  let width = 600; // of the timeline
  const resized = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    if (state.world) drawTimeline();
  });
  resized.observe(areas.line);
  const fitted = new ResizeObserver(fit);
  fitted.observe(areas.code);
  fitted.observe(areas.picture);

  function intro() {
    return [
      h("p", { class: "crumb" }, `Level ${number} of ${levels.length} · `, h("a", { href: `#lesson.${slug(level.chapter)}` }, level.chapter)),
      h("h1", {}, level.title),
      h("details", { class: "story", open: state.story ?? storyIsOpen() },
        h("summary", { "data-focus": "story", onclick: (event) => (state.story = !event.currentTarget.parentElement.open) }, "The story"), h("p", {}, rich(level.story)), h("p", { class: "about" }, rich(state.variant.about), " ", runsOn())),
      h("p", { class: "goal" }, h("b", {}, "Goal "), rich(level.goal)),
      h("fieldset", { class: "variants" }, h("legend", {}, "Play it on"),
        level.variants.map((variant) => h("label", { class: variant === state.variant ? "chosen" : "" },
          h("input", { type: "radio", name: "variant", value: variant.id, checked: variant === state.variant, "data-focus": `variant-${variant.id}`, onchange: () => choose(variant) }),
          ` ${variant.name}`, isDone(level.id, variant.id) ? h("span", { class: "tick", title: "done" }, " ✓") : null))),
      h("p", { class: "about" }, rich(state.variant.about), " ", runsOn()),
      state.variant !== level.variants[0] ? h("p", { class: "tip" }, "Can the goal be reached here, too? When you have tried enough, “Try every sequence” under “Help” tells you.") : null,
      number === 1 && state.variant === level.variants[0] ? h("p", { class: "tip start" }, "To start: press the key ", h("kbd", {}, "A"), " or the button “Poll A”. To poll a task is to let it run to its next ", h("code", {}, ".await"), ". Then look at the code: the mark A shows where the task stands. Other words are explained under “Help”.") : null,
    ];
  }

  // On a small screen the moves and the code come first.
  const storyIsOpen = () => !["narrow", "landscape", "lecture"].includes(grid.dataset.layout) || (number === 1 && !isLarge() && innerHeight > 900);

  function runsOn() {
    const { fairgate, semaphore } = state.variant;
    if (semaphore.length) return "The code of this semaphore is below, under “How it works”.";
    return fairgate ? "It runs on fairgate." : "";
  }

  function outcome() {
    const parts = [];
    if (state.trouble) parts.push(h("p", { class: "trouble", role: "alert" }, state.trouble));
    if (state.notice) parts.push(h("p", { class: "notice" }, state.notice));
    const world = state.world;
    if (!world) return parts;
    if (world.won) {
      const shortest = state.variant.solution?.length;
      const best = shortest === world.won_at ? "No sequence is shorter." : `The shortest has ${shortest}.`;
      const other = level.variants.find((variant) => variant !== state.variant && !isDone(level.id, variant.id));
      parts.push(h("p", { class: "won" }, h("b", {}, "Goal reached "), `with move ${world.won_at}. `, h("span", { class: "best" }, `${best} `),
        h("span", { class: "actions" },
          h("button", { type: "button", "data-focus": "explain", id: "explain", onclick: explain }, "Why?"),
          other ? h("button", { type: "button", "data-focus": "other", id: "other", onclick: () => choose(other, true) }, `Now on: ${other.name}`) : null)));
    }
    const seen = new Set();
    for (const violation of world.violations.slice().reverse()) {
      if (seen.has(violation.text) || seen.size >= 3) continue;
      seen.add(violation.text);
      parts.push(h("p", { class: "broken" }, h("b", {}, `Move ${violation.at} `), rich(violation.text)));
    }
    return parts;
  }

  async function explain() {
    if (!explains() && !nextPoll()) {
      const game = gameAfter(pollable());
      worlds.set(game, await ask({ play: { game } }));
      draw();
    }
    const answer = areas.reveal.querySelector(explains() ? "[data-answer]" : ".predict");
    answer.closest(".question").scrollIntoView({ block: "center", behavior: reducedMotion() ? "instant" : "smooth" });
    answer.focus({ preventScroll: true });
  }

  function moveButton(text, label, key, attributes = {}) {
    const legal = state.world.legal.find((move) => move.text === text);
    return h("button", {
      type: "button", class: "move", "data-move": text, "data-focus": `move-${text}`,
      "aria-disabled": legal ? null : "true", "aria-keyshortcuts": key, onclick: () => make(text), ...attributes,
    }, label, h("kbd", { "aria-hidden": "true" }, key));
  }

  function moves() {
    const { world } = state;
    const spurious = new Set(world.legal.filter((move) => move.kind === "spurious").map((move) => move.task));
    const tasks = world.tasks.map((task, index) => {
      const note = [task.note, task.holds.length ? `holds ${task.holds.join(" and ")}` : null].filter(Boolean).join("; ");
      const over = ENDS.includes(task.status);
      return h("li", { class: `task ${task.status.replace(" ", "-")}`, "data-task": task.name },
        token(task.name),
        h("div", { class: "what" },
          h("b", {}, h("span", { class: "hidden" }, `Task ${task.name}: `), task.title),
          h("span", { class: "status" }, h("span", { "aria-hidden": "true" }, `${STATUS[task.status]} `), task.status === "refused" ? "refused, 429" : task.status,
            note ? h("small", {}, h("span", { class: "dot" }, " · "), rich(note)) : null)),
        h("div", { class: "buttons" },
          over ? null : moveButton(task.name, `Poll ${task.name}`, task.name, { class: `move ${spurious.has(index) ? "quiet" : "strong"}`, title: spurious.has(index) ? "Poll it although it was not woken" : null }),
          over || !level.rules.cancel ? null : moveButton(`x${task.name}`, h("span", {}, h("span", { class: "hidden" }, `Cancel ${task.name}`), h("span", { "aria-hidden": "true" }, "Cancel")), `⇧${task.name}`, { "aria-keyshortcuts": `Shift+${task.name}` })));
    });
    const extra = world.others.map(({ text, label }) => moveButton(text, label, text.toUpperCase()));
    return [
      h("h2", {}, "Your move"),
      h("ul", { class: "tasks" }, tasks),
      extra.length ? h("div", { class: "actions" }, extra) : null,
      h("div", { class: "actions" },
        h("button", { type: "button", "data-focus": "undo", id: "undo", "aria-disabled": state.at ? null : "true", onclick: undo }, "Undo", h("kbd", { "aria-hidden": "true" }, "←")),
        h("button", { type: "button", "data-focus": "redo", id: "redo", "aria-disabled": state.at < state.moves.length ? null : "true", onclick: redo }, "Redo", h("kbd", { "aria-hidden": "true" }, "→")),
        h("button", { type: "button", "data-focus": "restart", id: "restart", "aria-disabled": state.at ? null : "true", onclick: restart }, "Restart", h("kbd", { "aria-hidden": "true" }, "R")),
        hasInside() && h("button", { type: "button", "data-focus": "inside", id: "inside", "aria-disabled": moveSteps().length ? null : "true", onclick: stepInside }, "Step inside")),
      world.legal.length || world.won ? null : h("p", { class: "over" }, "No move is left. Undo or restart."),
    ];
  }

  function reveal() {
    const parts = [h("h2", {}, "Help")];
    parts.push(h("div", { class: "actions" },
      h("button", { type: "button", "data-focus": "hint", id: "hint", "aria-expanded": String(state.hint), onclick: () => { state.hint = !state.hint; draw(); if (state.hint) say(level.hint.replaceAll("`", "")); } }, "Hint"),
      h("button", { type: "button", "data-focus": "why", id: "why", "aria-expanded": String(state.asking), onclick: () => { state.asking = !state.asking; draw(); } }, "Solution and why"),
      h("button", { type: "button", "data-focus": "search", id: "search", "aria-disabled": state.found === "running" ? "true" : null, onclick: () => state.found !== "running" && search() }, "Try every sequence")));
    if (state.hint) parts.push(h("p", { class: "hint" }, rich(level.hint)));
    if (state.found === "running") parts.push(h("p", {}, "Searching …"));
    else if (state.found) parts.push(h("p", { class: "found" }, foundText()));
    if (state.world.won || state.predicted) parts.push(prediction());
    if (state.asking || state.world.won) parts.push(question());
    parts.push(furtherReading());
    parts.push(h("details", { open: state.words, ontoggle: (event) => (state.words = event.target.open) }, h("summary", { "data-focus": "words" }, "The words"), words()));
    return parts;
  }

  // After a win the explanation waits for a prediction, if there is something to predict.
  const explains = () => !state.world.won || state.predicted !== null || !pollable();
  const gameAfter = (move) => gameText({ ...state, moves: [...state.moves.slice(0, state.at), move.text], at: state.at + 1 });
  const pollable = () => state.world.legal.find(({ kind }) => kind === "poll");

  // After the win: a task that can be polled, and its status after that. Null as long as the engine has not answered.
  function nextPoll() {
    const move = state.world.won && pollable();
    const next = move && worlds.get(gameAfter(move));
    return next ? { game: gameText(), name: state.world.tasks[move.task].name, right: next.tasks[move.task].status } : null;
  }

  // Once in each game: predict the next state.
  function prediction() {
    const next = state.predicted ?? nextPoll();
    // It is about one state, and is not shown in others.
    if (!next || (state.predicted && next.game !== gameText())) return null;
    const { name, right, said } = next;
    const isOver = said !== undefined;
    const predict = (said) => { if (isOver) return; state.predicted = { ...next, said }; draw(); say(verdict(state.predicted)); };
    const look = (choice) => (isOver && choice === right ? "right" : choice === said ? "wrong" : "");
    const button = (choice, text) => h("button", { type: "button", class: `predict ${look(choice)}`, "data-focus": `predict-${choice}`, "data-predict": choice, "aria-disabled": isOver ? "true" : null, onclick: () => predict(choice) }, text);
    return h("fieldset", { class: "question", id: "predict" }, h("legend", {}, "Predict the next state"),
      h("p", {}, `If ${name} is polled now, what is its status after that?`),
      h("div", { class: "actions" }, [...new Set(["ready", "waiting", "done", right])].map((choice) => button(choice, choice)), isOver ? null : button("", "Show me")),
      isOver ? h("p", {}, verdict(next)) : null);
  }

  function verdict({ name, right, said }) {
    const how = said === "" ? "" : said === right ? "Right: " : "Not quite: ";
    return `${how}${name} is ${right} then. Poll it and see.`;
  }

  function question() {
    const { ask: text, answers, right } = level.question;
    const form = h("fieldset", { class: "question" }, h("legend", {}, "First a question"), h("p", {}, rich(text)),
      answers.map((answer, index) => h("button", {
        type: "button", class: `answer ${state.answer === null ? "" : index === right ? "right" : index === state.answer ? "wrong" : ""}`,
        "data-focus": `answer-${index}`, "data-answer": index, "aria-pressed": String(state.answer === index),
        onclick: () => { Object.assign(state, { answer: index, asking: true }); draw(); say(index === right ? "Right." : `Not quite. ${answers[right]}.`); },
      }, state.answer === null ? "" : index === right ? "✓ " : index === state.answer ? "✕ " : "", rich(answer))));
    if (state.answer === null) return form;
    const { solution } = state.variant;
    return [form,
      h("div", { class: "lesson" },
        h("p", {}, h("b", {}, state.answer === right ? "Right. " : "Not quite. "), explains() ? rich(level.lesson) : "Predict the next state above, then this is explained."),
        h("div", { class: "actions" },
          solution
            ? h("button", { type: "button", "data-focus": "solution", id: "solution", onclick: playSolution }, `Show the solution (${solution.length} moves)`)
            : h("p", { class: "about" }, "On this variant there is no solution. “Try every sequence” proves it."),
          level.links.map(({ name, url }) => outside(url, name, { class: "button" })),
          next ? h("a", { class: "button strong", id: "next", href: `#${next.id}.${next.variants[0].id}.` }, `Next: ${next.title}`) : h("a", { class: "button strong", href: "#sandbox" }, "To the sandbox")))];
  }

  const furtherReading = () => h("p", { class: "about" }, "Read on: ",
    h("a", { href: `#lesson.${slug(level.chapter)}` }, `${level.chapter}, in the lesson`), " · ",
    outside(DOCS, "the documentation"));

  function code() {
    return [h("h2", {}, "Code"), state.variant.functions.map(({ name, first, text }) =>
      listing(`Code of ${name}`, text, (index) => state.world.tasks.filter((task) => task.function === name && task.line === first + index)))];
  }

  function semaphore() {
    const { name, semaphore, fairgate } = state.variant;
    if (!hasInside()) return [];
    return h("details", { open: state.semaphore, ontoggle: (event) => (state.semaphore = event.target.open) },
      h("summary", { "data-focus": "semaphore" }, fairgate ? "Inside fairgate" : `How it works: ${name}`),
      inside(),
      semaphore.map(({ name, first, text }) => listing(`The semaphore’s ${name}`, text, null, "rust", look(first, text.split("\n")))),
      fairgate ? interleaving() : null,
      guilty());
  }

  // Steps inside the semaphore: which statements the last move ran, or what fairgate did, one by one.
  const hasInside = () => state.variant.fairgate || state.variant.semaphore.length > 0;
  const moveSteps = () => (state.variant.fairgate ? state.world.inside : state.world.steps);
  const insideSteps = () => state.threads ?? moveSteps();
  const shownStep = () => state.inside ?? insideSteps().length - 1;
  const textOf = (step) => (state.threads && step.what !== "before" ? `Thread ${step.by}: ${sentence(step)}` : step.what ? sentence(step) : step.text);

  // What the steps of fairgate are, and a scene that no level has: a second thread, while the queue is locked.
  function interleaving() {
    const said = state.threads
      ? "Thread A asks for a permit, and B holds the only one. Between the steps of A, B releases the permit, and takes it away again."
      : "The sources of fairgate report these steps. They ran without interruption; with several threads, steps of another thread may come between any two of them.";
    return [
      h("p", { class: "about" }, said, " The models in loom-tests go through such orders."),
      h("button", { type: "button", "data-focus": "threads", id: "threads", onclick: showThreads }, state.threads ? "Back to the last move" : "Show two threads"),
    ];
  }

  async function showThreads() {
    try {
      Object.assign(state, { inside: null, threads: state.threads ? null : await ask({ "two-threads": {} }) });
    } catch (error) {
      state.trouble = error.message;
    }
    if (insideSteps().length) stepTo(state.threads ? 0 : shownStep());
    else draw();
  }

  function stepTo(index) {
    const steps = insideSteps();
    if (!steps.length) return notice("The last move changed nothing inside the semaphore.");
    state.inside = Math.max(0, Math.min(index, steps.length - 1));
    state.semaphore = true;
    draw();
    for (const part of areas.how.querySelectorAll(".current, .inside-steps")) part.scrollIntoView({ block: "nearest" });
    say(`Step ${state.inside + 1} of ${steps.length}: ${textOf(steps[state.inside]).replace(/[^.]$/, "$&.")}`);
  }

  function stepInside() {
    state.threads = null;
    stepTo(0);
    areas.how.querySelector('[data-focus="inside-."]')?.focus({ preventScroll: true });
  }

  function inside() {
    const steps = insideSteps();
    if (!steps.length) return h("p", { class: "about" }, "The last move changed nothing in here.");
    const at = shownStep();
    const step = steps[at];
    const button = (label, key, to, off) => h("button", { type: "button", "data-focus": `inside-${key}`, "aria-keyshortcuts": key, "aria-disabled": off ? "true" : null, onclick: () => stepTo(to) }, label, h("kbd", { "aria-hidden": "true" }, key));
    return h("div", { class: "inside-steps" },
      h("div", { class: "actions" },
        button("Step before", ",", at - 1, at === 0),
        button("Next step", ".", at + 1, at === steps.length - 1),
        h("span", { class: "about" }, `Step ${at + 1} of ${steps.length} ${state.threads ? "of two threads" : `in move ${state.at}`}`)),
      h("p", { class: step.changed ? "changed" : "" }, textOf(step)),
      step.what ? drawing(steps, at, state.threads ? [] : state.world.gates) : null);
  }

  // The wrong line is named after the win, on the variant that has it.
  const isGuilty = () => state.world.won && explains() && level.guilty && state.variant === level.variants[0];

  function look(first, lines) {
    const { steps } = state.world;
    const touched = new Set(steps.map(({ line }) => line - first));
    const current = steps.length ? steps[shownStep()].line - first : null;
    return (index) => {
      if (isGuilty() && lines[index].trim() === level.guilty.line) return "guilty";
      return index === current ? "current" : touched.has(index) ? "touched" : null;
    };
  }

  function guilty() {
    if (!isGuilty()) return null;
    return h("p", { class: "guilty-why" }, h("b", {}, "The guilty line: "), h("code", {}, level.guilty.line), " ", level.guilty.why, " ",
      level.links.map(({ name, url }) => [outside(url, name), " "]));
  }

  function log() {
    const lines = state.world.log.map((sentences, index) => {
      const broken = state.world.violations.filter((violation) => violation.at === index + 1).map((violation) => violation.text);
      const unique = [...new Set(broken)];
      return h("li", { value: index + 1 }, h("kbd", {}, state.moves[index]), " ", rich(sentences.join(" ")), unique.map((text) => h("strong", {}, " ", rich(text))));
    });
    return [h("h2", {}, "What happened"), lines.length ? h("ol", { class: "happened", reversed: true }, lines.reverse()) : h("p", { class: "about" }, "Nothing yet. All tasks are new.")];
  }

  return {
    async goTo(link) {
      const [, id, moves = ""] = link.split(".");
      address = location.hash;
      stopPlayer();
      forget();
      const variant = level.variants.find((other) => other.id === id);
      const start = { variant: variant ?? level.variants[0], moves: [], at: 0 };
      const split = (text) => text.match(/x?[A-Za-z0-9]|./g) ?? [];
      const linked = variant ? split(moves) : [];
      // After a reload, the undone moves can still be made again.
      const kept = isReload && variant ? keptMoves() : null;
      const all = kept?.startsWith(`${level.id}.${variant?.id}.${linked.join("")}`) ? split(kept.split(".")[2]) : linked;
      isReload = false;
      state.trouble = null;
      await go(() => ({ ...start, moves: all, at: linked.length }), false);
      // A link that cannot be followed: show the level from its start, and say why.
      const trouble = id && !variant ? `This level has no variant "${id}".` : state.trouble;
      if (!trouble) return;
      await go(() => start, false);
      state.trouble = trouble;
      draw();
    },
    key(event) {
      const key = event.key;
      const focus = event.target.closest("button, a, summary, input");
      if (!state.world) return false;
      // A key that is held down makes one move, but undoes and redoes as long as it is held.
      const once = (act) => (event.repeat || act(), true);
      if (/^[a-h]$/i.test(key)) {
        return once(() => make(event.shiftKey ? `x${key.toUpperCase()}` : key.toUpperCase()));
      }
      if (key === ",") return stepTo(shownStep() - 1), true;
      if (key === ".") return stepTo(shownStep() + 1), true;
      if (key === "t") return once(() => make("t"));
      if (/^[1-9]$/.test(key)) return once(() => make(key));
      if (focus?.type === "radio" || focus?.type === "range") return false;
      if (key === "ArrowLeft" || key === "z" || key === "Backspace") return pending || undo(), true;
      if (key === "ArrowRight") return pending || redo(), true;
      if (key === "r") return once(restart);
      return false;
    },
    arrived: () => `Level ${number} of ${levels.length}. Goal: ${level.goal.replaceAll("`", "")}`,
    refresh: draw,
    close() {
      bar.disconnect();
      fitted.disconnect();
      stopPlayer();
      forget();
      stopLayout();
      resized.disconnect();
    },
  };
}
