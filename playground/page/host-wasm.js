// The engine runs in this page, as WebAssembly, in two workers: a search takes longer than a frame.

import LEVELS from "./levels.js";

const workers = {};

// The edition that is one file has the engine and its worker in itself, as data.
function inPage(id) {
  const element = document.getElementById(id);
  return element && Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
}

function start() {
  const source = inPage("engine-js");
  const worker = source
    ? new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })))
    : new Worker("engine.js");
  worker.postMessage(inPage("engine-wasm") ?? new URL("engine.wasm", location.href).href);
  const open = new Map(); // the questions that have no answer yet
  let last = 0;
  worker.onmessage = ({ data: [id, answer, trouble] }) => {
    const { resolve, reject } = open.get(id);
    open.delete(id);
    trouble ? reject(new Error(trouble)) : resolve(answer);
  };
  worker.onerror = () => {
    for (const { reject } of open.values()) reject(new Error("The engine does not start. Does the server have engine.js and engine.wasm?"));
    open.clear();
  };
  return (question) => new Promise((resolve, reject) => {
    open.set(++last, { resolve, reject });
    worker.postMessage([last, question]);
  });
}

export function ask(question) {
  if (question.levels) return Promise.resolve(LEVELS);
  const name = question.search ? "search" : "moves";
  workers[name] ??= start();
  return workers[name](question);
}
