// What the page remembers: which variants are won or proved, and how it looks. Nothing else is kept anywhere.

const KEY = "fairgate-playground";

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

const state = { done: {}, theme: "auto", large: false, keys: true, ...read() };

export const get = (name) => state[name];

export function set(name, value) {
  state[name] = value;
  // To write takes milliseconds, and what is drawn does not depend on it.
  setTimeout(write);
}

function write() {
  try {
    localStorage.setItem(KEY, JSON.stringify(state));
  } catch {
    // Without storage the page works, and forgets.
  }
}

export const isDone = (level, variant) => Boolean(state.done[`${level}.${variant}`]);

export function markDone(level, variant) {
  if (isDone(level, variant)) return;
  set("done", { ...state.done, [`${level}.${variant}`]: true });
}
