// A worker with the engine. Its first message is the engine's module, or the address of one. After that it is asked for
// `[id, question]` and answers with `[id, answer, trouble]`.

let engine;

async function load(source) {
  if (typeof WebAssembly !== "object") throw new Error("This browser has no WebAssembly, or it is switched off.");
  let bytes = source;
  if (typeof source === "string") {
    let response;
    try {
      response = await fetch(source);
    } catch {
      throw new Error("engine.wasm cannot be loaded. Is the server still there? A page that was opened from a disk needs playground.html.");
    }
    if (!response.ok) throw new Error(`engine.wasm cannot be loaded: the server answers ${response.status} ${response.statusText}.`);
    bytes = await response.arrayBuffer();
  }
  try {
    return (await WebAssembly.instantiate(bytes)).instance.exports;
  } catch (error) {
    throw new Error(`engine.wasm does not start: ${error.message}`);
  }
}

async function answerTo(question) {
  const { memory, question: room, answer, answer_bytes: length } = await engine;
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  if (bytes.length > 65536) throw new Error("a request has at most 65536 bytes");
  const at = room(bytes.length);
  new Uint8Array(memory.buffer).set(bytes, at);
  const from = answer();
  const text = new TextDecoder().decode(new Uint8Array(memory.buffer, from, length()));
  if (text[0] !== "+") throw new Error(text.slice(1));
  return JSON.parse(text.slice(1));
}

onmessage = async ({ data }) => {
  if (!engine) {
    engine = load(data);
    engine.catch(() => {}); // each question will report it
    return;
  }
  const [id, question] = data;
  try {
    postMessage([id, await answerTo(question)]);
  } catch (error) {
    postMessage([id, null, error.message]);
  }
};
