// The engine runs in this page, as WebAssembly, in two workers: a search takes longer than a frame.

const workers = {};

function start() {
  const worker = new Worker("engine.js", { type: "module" });
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
  const name = question.search ? "search" : "moves";
  workers[name] ??= start();
  return workers[name](question);
}
