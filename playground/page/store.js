// What the page remembers: which variants and exercises are done, and how it looks. Nothing else is kept anywhere.

const KEY = "fairgate-playground";
const DEFAULTS = { done: {}, theme: "auto", large: false, keys: true, last: null };

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

let state = { ...DEFAULTS, ...read() };

export const get = (name) => state[name];

// To write takes milliseconds, and what is drawn does not depend on it. Another tab may have written in the meantime: only
// what has changed here is put into what is stored now.
let changes = [];
function change(apply) {
  apply(state);
  changes.push(apply);
  if (changes.length === 1) setTimeout(write);
}

function write() {
  const now = { ...DEFAULTS, ...state, ...read() };
  now.done = { ...now.done };
  for (const apply of changes.splice(0)) apply(now);
  state = now;
  try {
    localStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // Without storage the page works, and forgets.
  }
}

export const set = (name, value) => change((target) => (target[name] = value));

export const isDone = (level, variant) => Boolean(state.done[`${level}.${variant}`]);

export function markDone(level, variant) {
  if (isDone(level, variant)) return;
  change((target) => (target.done = { ...target.done, [`${level}.${variant}`]: true }));
}

// Calls `changed` when another tab has stored something.
export function watch(changed) {
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    state = { ...DEFAULTS, ...read() };
    changed();
  });
}

// The moves of a game, the undone ones too, for a reload of this tab.
export function keepMoves(game) {
  try {
    sessionStorage.setItem(KEY, game);
  } catch {
    // Then a reload forgets what was undone.
  }
}

export function keptMoves() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}
