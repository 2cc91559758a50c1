// What the page remembers: which variants are done, and how it looks. Nothing else is kept anywhere.
//
// Each fact has a key of its own. Tabs see each other's changes late, so a value that holds several facts would lose some.

const KEY = "fairgate-playground";
const DEFAULTS = { theme: "auto", large: false, keys: true, last: null, section: null };

function read() {
  const state = { ...DEFAULTS, done: {} };
  try {
    // How earlier versions stored all of it.
    Object.assign(state, JSON.parse(localStorage.getItem(KEY)) ?? {});
    for (const key of Object.keys(localStorage)) {
      const [prefix, name, ...rest] = key.split("/");
      if (prefix !== KEY) continue;
      if (name === "done") state.done[rest.join("/")] = true;
      else state[name] = JSON.parse(localStorage.getItem(key));
    }
  } catch {
    // Without storage the page works, and forgets.
  }
  return state;
}

let state = read();

// To write takes milliseconds, and what is drawn does not depend on it.
function write(name, value) {
  setTimeout(() => {
    try {
      localStorage.setItem(`${KEY}/${name}`, JSON.stringify(value));
    } catch {
      // Without storage the page works, and forgets.
    }
  });
}

export const get = (name) => state[name];

export function set(name, value) {
  if (state[name] === value) return;
  state[name] = value;
  write(name, value);
}

export const isDone = (level, variant) => Boolean(state.done[`${level}.${variant}`]);

export function markDone(level, variant) {
  if (isDone(level, variant)) return;
  state.done[`${level}.${variant}`] = true;
  write(`done/${level}.${variant}`, true);
}

// Calls `changed` when another tab has stored something.
export function watch(changed) {
  addEventListener("storage", ({ key }) => {
    if (!key?.startsWith(KEY)) return;
    const { done, ...rest } = read();
    // What this tab has just done may not be in the storage yet.
    state = { ...rest, done: { ...state.done, ...done } };
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
