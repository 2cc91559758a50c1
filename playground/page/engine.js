// A worker with the engine: it is asked for `[id, question]` and answers with `[id, answer, trouble]`.

const engine = load();

async function load() {
  const response = await fetch("engine.wasm");
  if (!response.ok) throw new Error("engine.wasm cannot be loaded.");
  const { instance } = await WebAssembly.instantiate(await response.arrayBuffer());
  return instance.exports;
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

onmessage = async ({ data: [id, question] }) => {
  try {
    postMessage([id, await answerTo(question)]);
  } catch (error) {
    postMessage([id, null, error.message]);
  }
};
