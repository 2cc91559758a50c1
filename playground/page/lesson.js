// The lesson.

import { h } from "./dom.js";

export function lesson(content) {
  content.replaceChildren(h("h1", {}, "Lesson"));
  return {};
}
