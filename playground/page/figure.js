// A game that plays by itself, or step by step.

import { ask } from "./host.js";
import { h, reducedMotion, say, show, token } from "./dom.js";
import { picture } from "./picture.js";

export function figure(game, onStop, { plays = true, opens = true } = {}) {
  const [level, variant, moves] = game.split(".");
  const steps = moves.match(/x?[A-Za-z0-9]/g) ?? [];
  const worlds = [];
  let at = 0;
  let timer = null;
  const box = h("div", { class: "figure area" });
  const stop = () => { clearInterval(timer); timer = null; };
  onStop(stop);

  // `spoken`: the reader asked for this step.
  async function goTo(step, spoken = false) {
    at = step > steps.length ? 0 : step;
    const text = `${level}.${variant}.${steps.slice(0, at).join("")}`;
    try {
      worlds[at] ??= await ask({ play: { game: text } });
    } catch (error) {
      stop();
      return show(box, h("p", { class: "trouble", role: "alert" }, error.message));
    }
    draw();
    if (spoken) say(worlds[at].said);
  }

  function toggle() {
    if (timer) stop();
    else timer = setInterval(() => (box.isConnected ? goTo(at + 1) : stop()), reducedMotion() ? 3000 : 1400);
    draw();
  }

  function draw() {
    const world = worlds[at];
    show(box,
      h("div", { class: "actions" },
        h("button", { type: "button", class: "strong", "data-focus": "figure-play", onclick: toggle }, timer ? "Pause" : "Play"),
        h("button", { type: "button", "data-focus": "figure-step", onclick: () => { stop(); goTo(at + 1, true); } }, at < steps.length ? "Step" : "From the start"),
        h("span", { class: "about figure-at" }, `Step ${at} of ${steps.length}`),
        opens && h("a", { class: "button", href: `#${level}.${variant}.${steps.slice(0, at).join("")}` }, "Open in the level")),
      h("p", { class: "figure-said" }, at ? h("kbd", {}, steps[at - 1]) : null, " ", world.said),
      h("ul", { class: "figure-tasks" }, world.tasks.map((task) => h("li", {}, token(task.name), ` ${task.title}: ${task.status}`))),
      picture(world));
  }

  goTo(0).then(() => plays && !reducedMotion() && box.isConnected && worlds[0] && toggle());
  return box;
}
