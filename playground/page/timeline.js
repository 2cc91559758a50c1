// What each task did so far, as an SVG that grows with every move.

import { letter, s } from "./dom.js";

export const PHASES = {
  r: ["ready", "Started, holds nothing"],
  s: ["flight", "Request in flight, no permit"],
  w: ["wait", "Waits"],
  k: ["woken", "Woken, was not polled since"],
  g: ["grant", "Granted, was not polled since"],
  h: ["hold", "Holds"],
  b: ["both", "Holds and waits"],
};

const ENDS = { d: "done", x: "cancelled", c: "closed", f: "refused", o: "timed out", n: "no connection" };

// In the large mode the style sheet zooms timelines.
export const zoom = () => (document.documentElement.classList.contains("large") ? 1.2 : 1);

const ROW = 30;
const LEFT = 34;
const TOP = 24;

export function timeline(world, at, width) {
  const steps = world.history[0].length;
  const column = Math.max(20, Math.min(64, Math.floor((width - LEFT - 16) / Math.max(steps, 6))));
  const ended = world.history.some((letters) => letters.at(-1) in ENDS);
  const size = [LEFT + steps * column + (ended ? 124 : 16), TOP + world.tasks.length * ROW + 8];
  const shapes = [];
  const used = new Set();
  world.moves.forEach((move, index) => {
    const x = LEFT + (index + 1) * column;
    shapes.push(s("line", { class: "rule", x1: x, y1: TOP - 6, x2: x, y2: size[1] - 8 }),
      s("text", { class: `move ${index + 1 === world.won_at ? "won" : ""}`, x, y: TOP - 10, "text-anchor": "middle" }, move));
  });
  const now = LEFT + at * column + column / 2;
  shapes.push(s("line", { class: "now", x1: now, y1: TOP - 6, x2: now, y2: size[1] - 4 }));
  world.history.forEach((letters, task) => {
    const middle = TOP + task * ROW + ROW / 2;
    shapes.push(s("circle", { class: `disc task-${letter(task)}`, cx: 15, cy: middle, r: 11 }),
      s("text", { class: "name", x: 15, y: middle + 5, "text-anchor": "middle" }, letter(task)));
    for (let from = 0; from < letters.length; ) {
      let to = from;
      while (letters[to] === letters[from]) to++;
      const [x, w] = [LEFT + from * column, (to - from) * column];
      const phase = PHASES[letters[from]];
      if (phase) {
        used.add(letters[from]);
        shapes.push(bar(phase[0], x, middle, w, letters[from]));
      } else if (letters[from] in ENDS) {
        shapes.push(s("text", { class: "end", x: x + 4, y: middle + 5 }, `${letters[from] === "d" ? "✓" : "✕"} ${ENDS[letters[from]]}`));
      }
      from = to;
    }
  });
  const names = Object.fromEntries(Object.entries(PHASES).map(([key, [, name]]) => [key, name.toLowerCase()]));
  const description = world.history
    .map((letters, task) => {
      const last = letters[letters.length - 1];
      return `${letter(task)}: ${names[last] ?? ENDS[last] ?? "not started"}`;
    })
    .join("; ");
  const picture = s("svg", { class: "timeline", role: "img", width: size[0], height: size[1], viewBox: `0 0 ${size[0]} ${size[1]}`, "aria-labelledby": "timeline-title timeline-desc" },
    s("title", { id: "timeline-title" }, `Timeline of ${world.moves.length} ${world.moves.length === 1 ? "move" : "moves"}`),
    s("desc", { id: "timeline-desc" }, description),
    patterns(),
    shapes);
  return [picture, [...used]];
}

export const patterns = () =>
  s("defs", {},
    s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { width: 6, height: 6, class: "hatch-ground" }), s("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch-line" })),
    s("pattern", { id: "cross", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { width: 6, height: 6, class: "cross-ground" }), s("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "cross-line" })));

// A word where it fits, or else a sign.
const LABELS = { w: ["waits", "⋯"], k: ["woken", "!"], g: ["granted", "!"], h: ["holds", ""], b: ["holds, waits", "⋯"], s: ["in flight", ""] };

function label(phase, width) {
  const [word, sign] = LABELS[phase] ?? ["", ""];
  return width >= 9 * word.length + 8 ? word : width >= 16 ? sign : "";
}

export function bar(kind, x, middle, width, phase) {
  const tall = kind === "ready" ? 4 : 18;
  return s("g", {},
    s("rect", { class: `bar ${kind}`, x: x + 1, y: middle - tall / 2, width: Math.max(width - 2, 1), height: tall, rx: 3 }),
    label(phase, width) ? s("text", { class: `glyph ${kind}`, x: x + width / 2, y: middle + 4.5, "text-anchor": "middle" }, label(phase, width)) : null);
}
