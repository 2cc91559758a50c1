// The permits, the queue, the server: what there is, as a picture.

import { h, token } from "./dom.js";

const STANDING = {
  waiting: ["waits", "·"],
  woken: ["woken", "!"],
  granted: ["granted", "✓"],
  holding: ["holds", ""],
};

const times = (n) => (n > 1 ? h("sub", {}, `×${n}`) : null);

export function picture(world) {
  return [...world.gates.map(gate), ...world.rooms.map(room), facts(world)];
}

function gate(gate) {
  // A request that is granted no longer waits, although its task has not run.
  const granted = gate.queue.filter((request) => request.standing === "granted");
  const queue = gate.queue.filter((request) => request.standing !== "granted");
  const slots = [];
  for (const holder of gate.holders) {
    for (let i = 0; i < holder.n; i++) slots.push(h("span", { class: "slot held" }, token(holder.task)));
  }
  for (const request of granted) {
    for (let i = 0; i < request.n; i++) slots.push(h("span", { class: "slot granted" }, token(request.task, "pale")));
  }
  for (let i = 0; i < gate.available; i++) slots.push(h("span", { class: "slot free" }));
  // More slots than there are permits: the extra ones stand out.
  slots.forEach((slot, index) => index >= gate.capacity && slot.classList.add("extra"));
  const noun = (n) => (n === 1 ? "1 permit" : `${n} permits`);
  const names = (requests) => requests.map((request) => (request.task === "You" ? "you" : request.task)).join(" and ");
  const own = gate.lock && gate.name === "lock"; // a name that says nothing more
  const state = gate.lock
    ? (gate.holders.length ? `is held by ${names(gate.holders)}` : granted.length ? `is granted to ${names(granted)}` : "is unlocked")
    : `${noun(gate.capacity)}, ${gate.available} available${gate.owed ? `, ${gate.owed} owed` : ""}${gate.closed ? ", was closed" : ""}`;
  const words = [
    `${gate.lock ? "Lock" : "Semaphore"}${own ? "" : ` ${gate.name}`}${gate.lock ? "" : ":"} ${state}.`,
    gate.holders.length ? `Held by ${gate.holders.map((r) => r.task).join(", ")}.` : "Held by no task.",
    granted.length ? `Granted to ${granted.map((r) => r.task).join(", ")}.` : "",
    queue.length
      ? `Queue: ${queue.map((r) => `${r.task} ${STANDING[r.standing][0]}${r.n > 1 ? ` for ${r.n}` : ""}`).join(", ")}.`
      : "The queue is empty.",
  ].filter(Boolean).join(" ");
  const place = (request) => {
    const [word, glyph] = STANDING[request.standing];
    return h("span", { class: `place ${request.standing}` }, token(request.task), times(request.n), h("small", {}, `${glyph} ${word}`));
  };
  return h("div", { class: `gate ${gate.closed ? "closed" : ""}`, role: "img", "aria-label": words, "data-gate": gate.name },
    h("div", { class: "caption", "aria-hidden": "true" }, gate.lock ? "lock " : "semaphore ", own ? null : h("code", {}, gate.name), gate.lock ? ` ${state}` : `: ${state}`),
    h("div", { class: "row", "aria-hidden": "true" },
      h("div", { class: "slots" }, slots),
      granted.length ? h("span", { class: "places" }, granted.map(place)) : null,
      h("div", { class: "queue" },
        h("span", { class: "label" }, queue.length ? "queue, front first" : "queue: empty"),
        h("span", { class: "places" }, queue.map(place)))),
    h("p", { class: "inside", "aria-hidden": "true" }, gate.inside));
}

function room(room) {
  const words = `The ${room.name}${room.limit ? ` accepts ${room.limit}` : ""}. In flight: ${room.inside.join(", ") || "none"}.` +
    (room.refused.length ? ` Refused so far: ${room.refused.join(", ")}.` : "");
  return h("div", { class: "gate room", role: "img", "aria-label": words },
    h("div", { class: "caption", "aria-hidden": "true" }, h("b", {}, room.name), room.limit ? ` accepts ${room.limit}` : ""),
    h("div", { class: "row", "aria-hidden": "true" },
      h("span", { class: "label" }, room.inside.length ? "in flight" : "no request in flight"),
      room.inside.map((name) => token(name)),
      room.refused.length ? h("span", { class: "label bad" }, "refused so far, 429") : null,
      room.refused.map((name) => token(name, "refused"))));
}

function facts(world) {
  const list = world.facts.map((fact) => h("span", { class: "fact" }, `${fact.name}: `, h("b", {}, fact.value)));
  if (world.now || world.legal.some((move) => move.kind === "tick")) {
    list.push(h("span", { class: "fact" }, "clock: ", h("b", {}, `${world.now} s`)));
  }
  return list.length ? h("p", { class: "facts" }, list) : null;
}
