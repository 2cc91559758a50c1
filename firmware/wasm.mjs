// Runs the WebAssembly module FILE and prints its output: node firmware/wasm.mjs FILE
import { readFileSync } from "node:fs";

const text = new TextDecoder();
const print = (at, length) =>
  process.stdout.write(text.decode(new Uint8Array(exports.memory.buffer, at, length)));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(process.argv[2])), {
  host: { print },
});
exports.run();
