// A whole run with settings: the lesson's three acts.

import { ask } from "./host.js";
import { column, h, layOut, reducedMotion, s, say, show } from "./dom.js";
import { listing } from "./code.js";
import { patterns, zoom } from "./timeline.js";

const ACTS = ["All at once", "With a limit", "With a time limit inside"];

const SLIDERS = [
  ["tasks", "Tasks", 1, 40, 1, ""],
  ["turns", "Requests per task", 1, 5, 1, ""],
  ["permits", "Permits", 1, 40, 1, "", 2],
  ["latency", "Fastest answer", 50, 2000, 50, " ms"],
  ["spread", "Slowest takes longer by", 0, 300, 10, " %"],
  ["throttle", "Server refuses beyond", 1, 100, 1, " at once"],
  ["limit", "Time limit", 50, 5000, 50, " ms", 3],
  ["hanging", "Requests that hang", 0, 10, 1, "", 3],
];

const START = { act: 2, tasks: 20, permits: 5, turns: 1, latency: 200, spread: 90, limit: 2000, hanging: 2, throttle: 10, fair: 1 };
const ORDER = Object.keys(START);

const KINDS = { wait: ["wait", "waits for a permit"], work: ["hold", "request in flight"], refused: ["refused", "refused, 429"], "timed-out": ["late", "timed out"] };

const ROW = 22;
const LEFT = 32;

export function sandbox(content, address) {
  document.title = "Sandbox · fairgate playground";
  const state = { settings: read(address), run: null, now: 0, playing: false, speed: 1, trouble: null };
  let frame = 0;

  const controls = h("div", { class: "area controls" });
  const view = h("div", { class: "area view" });
  const grid = h("div", { class: "sandbox" });
  const intro = h("div", {},
    h("h1", {}, "Sandbox"),
    h("p", {}, "A program fetches pages from a server that refuses what is too much for it. The tasks run on a plain executor, in virtual time. Each change of a slider runs the whole program again. ", h("a", { href: "#lesson.a-limit" }, "The lesson about limits"), " explains what to look for."));
  const stopLayout = layOut(grid, [
    ["(min-width: 60rem)", "wide", () => [column(intro, controls), column(view)]],
    ["all", "narrow", () => [intro, view, controls]],
  ]);
  content.replaceChildren(grid);
  drawControls();
  run(true);

  function read(text) {
    const numbers = text.split(".").slice(1).map(Number);
    const settings = { ...START };
    ORDER.forEach((name, index) => Number.isFinite(numbers[index]) && (settings[name] = numbers[index]));
    return settings;
  }

  async function run(linked = false) {
    const { settings } = state;
    try {
      const result = await ask({ sandbox: { ...settings, fair: Boolean(settings.fair) } });
      if (settings !== state.settings) return;
      state.run = result;
      state.trouble = null;
      state.now = result.duration;
    } catch (error) {
      // A link that cannot be followed: show the run of the lesson, and say why.
      if (linked) await reset();
      state.trouble = error.message;
      return drawView();
    }
    history.replaceState(null, "", `#sandbox.${ORDER.map((name) => Number(settings[name])).join(".")}`);
    drawView();
    if (state.run) say(summary());
  }

  function set(changed) {
    state.settings = { ...state.settings, ...changed };
    stop();
    return run();
  }

  // For settings that the controls do not show yet.
  function reset() {
    const done = set(START);
    drawControls();
    return done;
  }

  function summary() {
    const { peak, answered, refused, timed_out: late, longest_wait: wait } = state.run;
    return `At most ${peak} in flight, ${answered} answered, ${refused} refused, ${late} timed out, longest wait ${wait} ms.`;
  }

  function drawControls() {
    const { settings } = state;
    const slider = ([name, label, min, max, step, unit, act]) => {
      const off = act && settings.act < act;
      return h("label", { class: off ? "off" : "" }, h("span", {}, label), h("output", {}, `${settings[name]}${unit}`),
        h("input", { type: "range", min, max, step, value: settings[name], disabled: Boolean(off), "data-focus": name, id: `slider-${name}`,
          oninput: (event) => { event.target.previousSibling.textContent = `${event.target.value}${unit}`; set({ [name]: Number(event.target.value) }); } }));
    };
    const choice = (name, value, label) => h("label", { class: settings[name] === value ? "chosen" : "" },
      h("input", { type: "radio", name, checked: settings[name] === value, "data-focus": `${name}-${value}`, onchange: () => { set({ [name]: value }); drawControls(); } }), ` ${label}`);
    show(controls,
      h("fieldset", { class: "variants" }, h("legend", {}, "Act"), ACTS.map((label, index) => choice("act", index + 1, `${index + 1}. ${label}`))),
      h("fieldset", { class: "variants", disabled: settings.act === 1 }, h("legend", {}, "Semaphore"), choice("fair", 1, "fairgate"), choice("fair", 0, "textbook")),
      h("p", { class: "about" }, "They differ when a task asks again at once: set the requests per task to 2 or more."),
      h("div", { class: "sliders" }, SLIDERS.map(slider)),
      h("button", { type: "button", onclick: reset }, "As in the lesson"));
  }

  // Counts at the time of the playhead.
  function counts() {
    const { rows } = state.run;
    const { now } = state;
    const all = rows.flat();
    const during = (kind) => all.filter((span) => span.kind === kind && span.from <= now && now < span.to).length;
    const after = (kind) => all.filter((span) => span.kind === kind && span.to <= now).length;
    return [
      ["in flight", during("work") + during("timed-out")],
      ["waiting", during("wait")],
      ["answered", after("work")],
      ["refused", after("refused")],
      ["timed out", after("timed-out")],
    ];
  }

  function drawView() {
    const { run, trouble } = state;
    const alert = trouble && h("p", { class: "trouble", role: "alert" }, trouble);
    if (!run) return show(view, alert);
    const used = new Set(run.rows.flat().map((span) => span.kind));
    show(view,
      alert,
      h("div", { class: "counts", "aria-hidden": "true" }),
      h("p", { class: "summary" }, summary()),
      h("div", { class: "player", role: "group", "aria-label": "Playback" },
        h("button", { type: "button", id: "play", "data-focus": "play", class: "strong", onclick: toggle }, state.playing ? "Pause" : "Play", h("kbd", { "aria-hidden": "true" }, "P")),
        h("button", { type: "button", id: "step", "data-focus": "step", onclick: step }, "Step", h("kbd", { "aria-hidden": "true" }, "→")),
        h("label", {}, "Speed ", h("select", { "data-focus": "speed", onchange: (event) => (state.speed = Number(event.target.value)) },
          [0.25, 0.5, 1, 2, 4].map((speed) => h("option", { value: speed, selected: speed === state.speed }, `${speed}×`)))),
        h("label", { class: "grow" }, "Time ", h("output", { id: "clock" }), h("input", { type: "range", id: "time", min: 0, max: run.duration, step: 1, value: state.now, "data-focus": "time", oninput: (event) => { stop(); moveTo(Number(event.target.value)); } }))),
      h("div", { class: "scroll" }, picture()),
      h("p", { class: "legend" }, Object.entries(KINDS).filter(([kind]) => used.has(kind)).map(([, [name, label]]) => h("span", {}, h("i", { class: `swatch ${name}`, "aria-hidden": "true" }), label))),
      h("details", { open: true }, h("summary", {}, "The code of each task"), listing("Code", run.code)));
    moveTo(state.now);
  }

  let width = 600; // of the timeline, before the zoom
  const resized = new ResizeObserver(([{ contentRect }]) => {
    const now = Math.max(280, Math.floor(contentRect.width / zoom()));
    if (now === width) return;
    width = now;
    if (state.run) drawView();
  });
  resized.observe(view);

  const scale = () => (width - LEFT - 12) / Math.max(state.run.duration, 1);

  function picture() {
    const { rows, duration } = state.run;
    const height = rows.length * ROW + 30;
    const spans = () => rows.flatMap((row, index) => row.filter((span) => span.to > span.from || span.kind === "refused").map((span) => {
      const x = LEFT + span.from * scale();
      const long = Math.max((span.to - span.from) * scale(), span.kind === "refused" ? 8 : 1.5);
      return s("rect", { class: `bar ${KINDS[span.kind][0]}`, x, y: index * ROW + 3, width: long, height: ROW - 7, rx: 3 });
    }));
    const ticks = (width < 480 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => {
      const x = LEFT + part * duration * scale();
      const anchor = part === 1 ? "end" : part === 0 ? "start" : "middle";
      return [s("line", { class: "rule", x1: x, y1: 0, x2: x, y2: height - 22 }), s("text", { class: "move", x, y: height - 6, "text-anchor": anchor }, `${Math.round(part * duration)} ms`)];
    });
    return s("svg", { class: "timeline run", role: "img", width, height, viewBox: `0 0 ${width} ${height}`, "aria-labelledby": "run-title run-desc" },
      s("title", { id: "run-title" }, `What ${rows.length} tasks did in ${duration} ms`),
      s("desc", { id: "run-desc" }, summary()),
      patterns(),
      s("clipPath", { id: "past" }, s("rect", { id: "past-rect", x: 0, y: 0, width, height })),
      ticks.flat(),
      rows.map((_, index) => s("text", { class: "row-name", x: LEFT - 8, y: index * ROW + 15, "text-anchor": "end" }, String(index + 1))),
      s("g", { class: "future" }, spans()),
      s("g", { "clip-path": "url(#past)" }, spans()),
      s("line", { class: "now", id: "playhead", x1: 0, y1: 0, x2: 0, y2: height - 20 }));
  }

  function moveTo(now) {
    state.now = Math.max(0, Math.min(now, state.run.duration));
    const x = LEFT + state.now * scale();
    view.querySelector("#past-rect").setAttribute("width", x);
    for (const end of ["x1", "x2"]) view.querySelector("#playhead").setAttribute(end, x);
    view.querySelector("#time").value = state.now;
    view.querySelector("#clock").textContent = `${Math.round(state.now)} ms`;
    show(view.querySelector(".counts"), counts().map(([name, n]) => h("div", { class: `count ${name.replace(" ", "-")}` }, h("b", {}, n), name)));
  }

  function events() {
    return [...new Set(state.run.rows.flat().flatMap((span) => [span.from, span.to]))].sort((a, b) => a - b);
  }

  function step() {
    stop();
    const next = events().find((at) => at > state.now + 0.5);
    moveTo(next ?? 0);
    say(counts().map(([name, n]) => `${n} ${name}`).join(", "));
  }

  function toggle() {
    if (state.playing) return stop();
    if (state.now >= state.run.duration) state.now = 0;
    state.playing = true;
    view.querySelector("#play").firstChild.textContent = "Pause";
    let last = performance.now();
    const tick = (time) => {
      const passed = (time - last) * state.speed;
      // With reduced motion it goes from event to event.
      if (!reducedMotion() || passed > 500) {
        last = time;
        moveTo(reducedMotion() ? events().find((at) => at > state.now + 0.5) ?? Infinity : state.now + passed);
      }
      if (state.now >= state.run.duration) return stop();
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  }

  function stop() {
    cancelAnimationFrame(frame);
    state.playing = false;
    const button = view.querySelector("#play");
    if (button) button.firstChild.textContent = "Play";
  }

  return {
    key(event) {
      if (!state.run || event.target.closest("input[type=radio], input[type=range]")) return false;
      if (event.key === "p") return toggle(), true;
      if (event.key === "ArrowRight") return step(), true;
      return false;
    },
    close() {
      stop();
      stopLayout();
      resized.disconnect();
    },
  };
}
