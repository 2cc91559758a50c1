// A step inside fairgate: what it does, and the word and the queue after it.

import { h, token } from "./dom.js";

const FLAGS = [["QUEUED", 1, "A request waits, so a new one must wait behind it"], ["LOCKED", 2, "The queue is being changed"], ["RECHECK", 4, "The front is to be examined again"], ["CLOSED", 8, "Every request fails"]];

const permits = (n) => (n === 1 ? "1 permit" : `${n} permits`);
const added = (n) => `${permits(n)} ${n === 1 ? "is" : "are"}`;
const CAUSE = {
  release: (n) => `${added(n)} released`,
  add: (n) => `${added(n)} added`,
  close: () => "the semaphore is closed",
  recheck: () => "the front is to be examined again",
};

// What is left to do after a change of the word that serves no request itself.
const rest = ({ after }) => (after.flags & 2 ? "The queue is locked, so the thread that has locked it examines the front again" : "No request waits, so nothing else is to be done");

const SENTENCES = {
  before: () => "Before the move.",
  take: ({ n }) => `${added(n)} taken, in one step: no request waits.`,
  release: (step) => `${CAUSE.release(step.n)}. ${rest(step)}.`,
  add: (step) => `${CAUSE.add(step.n)}. ${rest(step)}.`,
  forget: ({ n, after }) => `${added(n)} taken away for good${after.flags & 4 ? ", and RECHECK is set in the same step" : ""}.`,
  reduce: ({ n, after }) => `${added(n)} taken away${after.permits < 0 ? ". The number is negative: the next releases pay that back" : ""}.`,
  close: () => "The semaphore is closed. No request waits.",
  recheck: () => "The word is written again with its old value, so that no thread overlooks the lower number of permits.",
  lock: ({ with: cause, n }) => `The queue is locked${cause ? `, and in the same step ${CAUSE[cause](n)}` : ""}.`,
  push: ({ of, n }) => `The request of ${of} for ${permits(n)} enters the queue at its back.`,
  remove: ({ of }) => `The request of ${of} leaves the queue.`,
  claim: ({ of, n }) => (n ? `The request of ${of} is at the front, and it fits: it leaves the queue with a claim to ${permits(n)}.` : `The request of ${of} is at the front, and will fail.`),
  unlock: ({ n }) => `The queue is unlocked${n ? `, and the ${n === 1 ? "permit that was claimed leaves" : `${permits(n)} that were claimed leave`} the word in the same step. A later request cannot take ${n === 1 ? "it" : "them"}` : ""}.`,
  retry: () => "The unlock fails, because the word has changed: the front is examined again.",
  examine: () => "RECHECK is cleared before the front is examined.",
  "put-back": ({ of }) => `The claim of ${of} was made before the change: its request goes back to the front.`,
  store: ({ of, n }) => `The outcome is stored in the request of ${of}: ${permits(n)}. ${n === 1 ? "It belongs" : "They belong"} to ${of} from here on, although ${of} has not run.`,
  fail: ({ of }) => `The outcome is stored in the request of ${of}: closed.`,
  wake: ({ of }) => `${of} is woken.`,
  outcome: ({ of, n }) => (n ? `The request of ${of} ends, and takes its ${permits(n)} out of the outcome.` : `The request of ${of} ends, and finds that the semaphore is closed.`),
};

export const sentence = (step) => {
  const text = SENTENCES[step.what](step);
  return text[0].toUpperCase() + text.slice(1);
};

const PLACES = { queued: "waits", claimed: "claimed", granted: "granted", failed: "fails", taken: "ends", removed: "leaves" };

// The word and the queue after step `at`. What the step has changed is marked.
export function drawing(steps, at, gates) {
  const { gate, after } = steps[at];
  const before = steps.slice(0, at).findLast((step) => step.gate === gate)?.after ?? after;
  const cell = (name, value, changed, title, extra = "") =>
    h("span", { class: `cell ${extra} ${changed ? "changed" : ""}`, title }, h("small", {}, name), h("b", {}, value));
  const flags = FLAGS.map(([name, bit, title]) => {
    const [on, was] = [after.flags & bit, before.flags & bit];
    return cell(name, on ? "1" : "0", on !== was, title, on ? "on" : "");
  }).reverse();
  const place = (node) => `${node.task} ${node.place}`;
  const old = new Set(before.nodes.map(place));
  const node = (node) => h("li", { class: `place ${node.place} ${old.has(place(node)) ? "" : "changed"}` }, token(node.task), node.n > 1 && h("sub", {}, `×${node.n}`), h("small", {}, PLACES[node.place]));
  const inQueue = after.nodes.filter(({ place }) => place === "queued");
  const apart = after.nodes.filter(({ place }) => place !== "queued");
  const name = gates.length > 1 ? ` of ${gates[gate].name}` : "";
  const list = (label, nodes) => h("div", { class: "row" }, h("span", { class: "label" }, label), nodes.length ? h("ol", { class: "places", "aria-label": label }, nodes.map(node)) : h("span", { class: "label" }, "none"));
  return h("div", { class: "core" },
    h("p", { class: "label" }, `The word${name}, one atomic number`),
    h("div", { class: "bits" }, cell("permits", String(after.permits), after.permits !== before.permits, "Available permits; below 0 they are owed"), flags),
    list(`The queue${name}, front first`, inQueue),
    apart.length ? list("No longer in the queue", apart) : null);
}
