// Runs the module and prints what it says: node firmware/wasm.mjs FILE
import { readFileSync } from "node:fs";

const text = new TextDecoder();
const print = (at, length) =>
  process.stdout.write(text.decode(new Uint8Array(exports.memory.buffer, at, length)));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(process.argv[2])), {
  host: { print },
});
exports.play();
