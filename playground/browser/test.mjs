// node test.mjs CHROMIUM FOLDER HOST...     a host is the program, or a folder of static files

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, folder, ...hosts] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm" };

// A host and its address.
async function start(host) {
  if (statSync(host).isDirectory()) {
    const server = createServer(async (request, response) => {
      const name = new URL(request.url, "http://x").pathname.replace(/\/$/, "/index.html");
      try {
        const body = await readFile(join(host, name));
        response.writeHead(200, { "content-type": TYPES[extname(name)] }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return { name: "wasm", url: `http://127.0.0.1:${server.address().port}/`, folder: host, stop: () => server.close() };
  }
  const program = spawn(host, [], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((done, failed) => {
    program.once("exit", (code) => failed(new Error(`the program ended with ${code}`)));
    program.stdout.once("data", (text) => done(String(text).match(/http:\S+/)[0]));
  });
  return { name: "program", url, stop: () => program.kill() };
}

const troubles = [];

// Between two moves, in ms: faster than a person plays.
const PAUSE = 100;

// Runs in the page. Records how long each move takes: from the click or key to the new picture with its layout, to the
// frame that shows it, and how many frames were drawn before without it.
function stopwatch() {
  globalThis.moveTimes = [];
  const shown = () => document.querySelector(".scrub output")?.textContent;
  const start = ({ timeStamp: from, target, type }) => {
    if (type === "click" && !target.closest?.(".moves")) return;
    const before = shown();
    let frames = 0;
    const count = () => { frames += 1; frame = requestAnimationFrame(count); };
    let frame = requestAnimationFrame(count);
    const observer = new MutationObserver(() => {
      if (shown() === before) return;
      observer.disconnect();
      cancelAnimationFrame(frame);
      document.body.getBoundingClientRect(); // style and layout
      const time = { picture: performance.now() - from, missed: frames };
      globalThis.moveTimes.push(time);
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => (time.frame = performance.now() - from);
        port2.postMessage(null);
      });
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true });
    setTimeout(() => { observer.disconnect(); cancelAnimationFrame(frame); }, 5000);
  };
  addEventListener("click", start, true);
  addEventListener("keydown", start, true);
}

function summary(times) {
  const of = (name) => {
    const sorted = times.map((time) => time[name]).filter(Number.isFinite).sort((a, b) => a - b);
    return `median ${sorted[sorted.length >> 1].toFixed(1)} ms, slowest ${sorted.at(-1).toFixed(1)} ms`;
  };
  const first = times.filter((time) => time.missed === 0).length;
  return `${times.length} moves; input to layout: ${of("picture")}; input to the frame on the screen: ${of("frame")}; ${first} in the first frame`;
}

async function open(browser, host, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  await page.addInitScript(stopwatch);
  page.on("console", (message) => message.type() === "error" && troubles.push(`${host.name} ${path}: ${message.text()}`));
  page.on("pageerror", (error) => troubles.push(`${host.name} ${path}: ${error.stack}`));
  page.on("request", (request) => request.url().startsWith(host.url) || troubles.push(`${host.name}: fetched ${request.url()}`));
  await page.goto(host.url + path);
  await page.waitForSelector("#content[data-ready]");
  return page;
}

const moveCount = (page) => page.locator(".scrub output").textContent();
const afterMove = (page, n) => page.waitForFunction((text) => document.querySelector(".scrub output")?.textContent.startsWith(text), `${n} of`);

async function click(page, move, n) {
  await page.click(`.moves [data-move="${move}"]`);
  await afterMove(page, n);
}

// Every level and every variant, by clicks alone.
async function playAll(browser, host) {
  const levels = await catalog(browser, host);
  const page = await open(browser, host, "");
  assert.equal(await page.locator(".card").count(), levels.length);
  // The easiest first.
  const titles = ["easy", "medium", "hard"].flatMap((difficulty) => levels.filter((level) => level.difficulty === difficulty).map(({ title }) => title));
  assert.deepEqual(await page.locator(".card b").allTextContents(), titles);
  await page.click("text=Start with level 1");
  for (const [index, level] of levels.entries()) {
    await page.waitForSelector(`h1:has-text("${level.title}")`);
    for (const variant of level.variants) {
      await page.check(`input[value="${variant.id}"]`);
      await afterMove(page, 0);
      if (!variant.solution) {
        await page.click("#search");
        await page.waitForSelector(".found");
        assert.match(await page.textContent(".found"), /No sequence of moves reaches the goal/, `${level.id}.${variant.id}`);
        continue;
      }
      for (const [at, move] of variant.solution.entries()) {
        assert.equal(await page.locator(".outcome .won").count(), 0, `${level.id}.${variant.id} is won early`);
        await click(page, move, at + 1);
        await page.waitForTimeout(PAUSE);
      }
      const id = `${level.id}.${variant.id}`;
      assert.equal(await page.locator(".outcome .won").count(), 1, `${id} is not won`);
      assert.match(await page.textContent(".outcome .won"), /No sequence is shorter/, id);
      await undoAndLink(browser, host, page, id, variant.solution);
    }
    if (!(await page.locator("[data-answer]").count())) await page.click("#why");
    await page.click(`[data-answer="${level.question.right}"]`);
    assert.match(await page.textContent(".lesson"), /^Right\./);
    assert.equal(await page.locator(".tick").count(), level.variants.length, `${level.id}: not all variants are done`);
    if (levels[index + 1]) await page.click("#next");
  }
  await page.click("text=To the sandbox");
  await page.waitForSelector("#play");
  await page.click("nav >> text=Levels");
  await page.waitForSelector(".card");
  assert.equal(await page.locator(".card.done").count(), levels.length);
  const times = await page.evaluate(() => globalThis.moveTimes);
  await page.context().close();
  return summary(times);
}

async function catalog(browser, host) {
  const page = await open(browser, host, "");
  const levels = await page.evaluate(async () => (await import("./host.js")).ask({ levels: {} }));
  await page.context().close();
  assert.ok(levels.length >= 12);
  return levels;
}

async function undoAndLink(browser, host, page, id, solution) {
  const last = solution.length;
  const link = `#${id}.${solution.join("")}`;
  await page.waitForFunction((link) => location.hash === link, link);
  await page.click("#undo");
  await afterMove(page, last - 1);
  assert.equal(await page.locator(".outcome .won").count(), 0, `${id}: still won after undo`);
  await page.click("#redo");
  await afterMove(page, last);
  assert.equal(await page.locator(".outcome .won").count(), 1, `${id}: not won after redo`);
  const other = await open(browser, host, link);
  assert.equal(await other.locator(".outcome .won").count(), 1, `${id}: not won by its link`);
  const picture = (page) => page.locator(".picture").innerText();
  assert.equal(await picture(other), await picture(page), `${id}: another picture by its link`);
  await other.context().close();
}

async function keys(browser, host) {
  const page = await open(browser, host, "#limit.fairgate.");
  for (const [key, n] of [["a", 1], ["b", 2], ["c", 3], ["A", 4], ["ArrowLeft", 3], ["ArrowRight", 4], ["r", 0]]) {
    await page.keyboard.press(key === "A" ? "Shift+A" : key);
    await afterMove(page, n);
  }
  // The whole level by Tab and Enter; the focus stays on the button.
  const focus = () => page.evaluate(() => document.activeElement.dataset?.focus);
  while ((await focus()) !== "move-A") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await afterMove(page, 1);
  assert.equal(await focus(), "move-A");
  assert.match(await page.textContent("#said"), /A gets a permit/);
  // A button that is gone hands the focus on, to another one of the moves.
  await page.keyboard.press("Enter");
  await afterMove(page, 2);
  assert.equal(await page.locator('[data-move="A"]').count(), 0);
  assert.match(await focus(), /^move-/);
  await page.keyboard.press("ArrowLeft");
  await afterMove(page, 1);
  // The keys work while a variant is focused, and change no variant.
  await page.focus('[data-focus="variant-fairgate"]');
  await page.keyboard.press("b");
  await afterMove(page, 2);
  await display(page);
  await page.uncheck("#keys");
  await page.keyboard.press("b");
  await page.waitForTimeout(100);
  assert.match(await moveCount(page), /^2 of/);
  await page.context().close();
}

// A level by keyboard alone, from the first Tab on: goal, reason, question, solution, next level.
async function keyboardAlone(browser, host) {
  const page = await open(browser, host, "", { reducedMotion: "reduce" });
  const tabTo = async (wanted) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const { id, text } = await page.evaluate(() => ({ id: document.activeElement.dataset?.focus ?? document.activeElement.id, text: document.activeElement.textContent }));
      if (id === wanted || text === wanted) return page.keyboard.press("Enter");
    }
    throw new Error(`the Tab key does not reach ${wanted}`);
  };
  await tabTo("Start with level 1");
  await page.waitForSelector('h1:has-text("All at once")');
  for (const [index, move] of ["move-A", "move-B", "move-C"].entries()) {
    await tabTo(move);
    await afterMove(page, index + 1);
  }
  assert.match(await page.textContent("#said"), /Goal reached/);
  await tabTo("explain");
  // First the prediction, then the explanation.
  assert.equal(await page.evaluate(() => document.activeElement.dataset.focus), "predict-ready");
  await tabTo("predict-done");
  assert.equal(await page.textContent("#said"), "Right: A is done then. Poll it and see.");
  await tabTo("answer-1");
  assert.equal(await page.textContent("#said"), "Right.");
  await tabTo("solution");
  await afterMove(page, 0);
  // With reduced motion nothing moves by itself.
  await page.waitForTimeout(1500);
  await afterMove(page, 0);
  await page.keyboard.press("ArrowRight");
  await afterMove(page, 1);
  await tabTo("next");
  await page.waitForSelector('h1:has-text("A limit that does not limit")');
  await page.context().close();
}

// The whole lesson by keyboard alone: the figure of each section step by step, then each of its levels to its win. On a phone
// and in a lecture, in both themes; in the dark one only the first level of each section.
async function lessonPath(browser, host) {
  if (!host.first) return "on the first host";
  const levels = await catalog(browser, host);
  const screens = {
    phone: { viewport: { width: 390, height: 844 } },
    "phone-dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
    lecture: { viewport: { width: 1024, height: 768 } },
    "lecture-dark": { viewport: { width: 1024, height: 768 }, colorScheme: "dark" },
  };
  for (const [screen, options] of Object.entries(screens)) {
    const page = await open(browser, host, "#lesson", { reducedMotion: "reduce", ...options });
    if (screen.startsWith("lecture")) await large(page);
    const tabTo = async (test, argument) => {
      for (let i = 0; i < 150; i++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate(test, argument)) return page.keyboard.press("Enter");
      }
      throw new Error(`the Tab key does not reach ${test} ${argument} at ${await page.evaluate(() => location.hash)}`);
    };
    const ends = (text) => document.activeElement.textContent.trim().endsWith(text);
    const starts = (text) => document.activeElement.textContent.trim().startsWith(text);
    const isAt = (id) => (document.activeElement.dataset?.focus ?? document.activeElement.id) === id;
    await tabTo(isAt, "continue");
    const chapters = [...new Set(levels.map(({ chapter }) => chapter))];
    for (const chapter of chapters) {
      await page.waitForFunction((title) => document.querySelector("h1")?.textContent === title && document.querySelector(".figure-at"), chapter);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${chapter} on ${screen}: ${wider} px too wide`);
      await page.screenshot({ path: join(folder, `${host.name}-lesson-${chapters.indexOf(chapter) + 1}-${screen}.png`), fullPage: screen === "lecture" });
      await tabTo(isAt, "figure-step");
      await page.waitForFunction(() => document.querySelector(".figure-at").textContent.startsWith("Step 1 "));
      for (;;) {
        const [at, all] = (await page.textContent(".figure-at")).match(/\d+/g);
        if (at === all) break;
        await page.keyboard.press("Enter");
        await page.waitForFunction((n) => document.querySelector(".figure-at")?.textContent.startsWith(`Step ${n} `), Number(at) + 1);
        assert.ok((await page.textContent(".figure-said")).endsWith(await page.textContent("#said")));
      }
      assert.equal(await page.locator("[role=alert]").count(), 0, chapter);
      const own = levels.filter((level) => level.chapter === chapter);
      for (const level of screen.endsWith("dark") ? own.slice(0, 1) : own) {
        const [{ id, solution }] = level.variants;
        await tabTo(starts, `${levels.indexOf(level) + 1}. ${level.title}`);
        await page.waitForFunction((title) => document.querySelector("h1")?.textContent === title && document.querySelector(".scrub"), level.title);
        for (const [index, move] of solution.entries()) {
          await page.keyboard.press(move.startsWith("x") ? `Shift+${move[1]}` : move.toLowerCase());
          await afterMove(page, index + 1);
        }
        assert.equal(await page.locator(".outcome .won").count(), 1, `${level.id}.${id} is not won on ${screen}`);
        if (["two-holders", "closed"].includes(level.id)) await page.screenshot({ path: join(folder, `${host.name}-won-${level.id}-${screen}.png`) });
        await tabTo(ends, chapter);
        await page.waitForSelector(".figure-at");
      }
      const next = chapters[chapters.indexOf(chapter) + 1];
      await tabTo(ends, next ? `Next: ${next}` : "To the summary");
    }
    await page.waitForSelector("#so-far");
    if (!screen.endsWith("dark")) {
      assert.match(await page.textContent("#so-far"), /^8 of 8 sections are done/);
      assert.equal(await page.locator("#continue").count(), 0);
    }
    await page.context().close();
  }
}

// A semaphore of the learner's own: broken, then repaired line by line, by keyboard too.
async function bringYourOwn(browser, host) {
  const page = await open(browser, host, "#own.ad-gh-", { reducedMotion: "reduce" });
  await page.click("#try");
  await page.waitForSelector(".verdict.broken");
  assert.match(await page.textContent(".verdict"), /It breaks after 3 moves\. B asked later than A|It breaks after 3 moves\. \w asked later than \w/);
  for (let step = 0; step < 3; step++) await page.click('[data-focus="figure-step"]');
  await page.waitForFunction(() => document.querySelector(".figure-at").textContent === "Step 3 of 3");
  // The counterexample is a link, which plays without a search.
  const link = await page.evaluate(() => location.hash);
  assert.match(link, /^#own\.ad-gh-\.\w{3}$/);
  const other = await open(browser, host, link, { reducedMotion: "reduce" });
  await other.waitForSelector(".figure-at");
  const [searched, played] = [await page.textContent(".verdict"), await other.textContent(".verdict")];
  assert.equal(searched, `${played} No shorter sequence breaks it.`);
  await other.context().close();
  // Hand permits over instead of waking, and pass on what a cancelled request was handed.
  for (const [name, at] of [["acquire", 1], ["acquire", 0], ["release", 1], ["release", 0]]) {
    await page.focus(`[data-focus="${name}-${at}-delete"]`);
    await page.keyboard.press("Enter");
  }
  for (const [name, letter] of [["acquire", "c"], ["acquire", "e"], ["release", "j"]]) await page.selectOption(`#add-${name}`, letter);
  assert.equal(await page.evaluate(() => location.hash), "#own.ce-j-");
  await page.click("#try");
  await page.waitForSelector(".verdict.broken");
  await page.selectOption("#add-cancel", "l");
  await page.click("#try");
  await page.waitForSelector(".verdict.won");
  assert.match(await page.textContent(".verdict"), /It holds in all \d+ states/);
  assert.equal(await page.textContent("#said"), await page.textContent(".verdict"));
  // The shortest counterexample there is.
  await page.goto(`${host.url}#own.d-gh-`);
  await page.click("#try");
  await page.waitForFunction(() => document.querySelector(".verdict")?.textContent === "It breaks after 1 move. A held a permit of a semaphore of 0. No shorter sequence breaks it.");
  await page.goto(`${host.url}#own.zzz`);
  await page.waitForSelector("[role=alert]");
  await page.context().close();
}

// Inside the semaphore: the statements of the last move, one by one, and the guilty line after the win, not before.
async function stepInside(browser, host) {
  const page = await open(browser, host, "#two-holders.asyncio-2017.ABC1");
  assert.equal(await page.locator("li.guilty").count(), 0);
  await page.keyboard.press("Shift+B");
  await afterMove(page, 5);
  const statement = () => page.textContent(".inside-steps p");
  assert.equal(await statement(), "leaves the queue");
  for (const text of ["a waiter is woken", "a waiter is pending", "locked is false", "the promise is cancelled"]) {
    await page.keyboard.press(",");
    assert.equal(await statement(), text);
    assert.match(await page.textContent("#said"), new RegExp(`: ${text}\\.$`));
  }
  assert.match(await page.textContent("li.current"), /promise\.cancel\(\)/);
  await page.click('[data-focus="inside-."]');
  assert.equal(await statement(), "locked is false");
  for (const key of ["a", "c"]) await page.keyboard.press(key);
  await page.waitForSelector(".outcome .won");
  // The prediction, once: A holds the lock and works, and is done after its next poll.
  await page.waitForSelector("#predict");
  assert.equal(await page.locator("li.guilty").count(), 0);
  await page.click('[data-predict="waiting"]');
  assert.equal(await page.textContent("#said"), "Not quite: A is done then. Poll it and see.");
  await page.evaluate(() => document.querySelector('[data-predict="done"]').click());
  assert.equal(await page.locator(".predict.right").textContent(), "done");
  assert.equal(await page.locator(".predict.wrong").textContent(), "waiting");
  assert.match(await page.textContent("li.guilty"), /if !self\.locked\.get\(\) \{/);
  assert.equal(await page.locator(".guilty-why a").count(), 2); // the report and the repair
  // The prediction is about this state, and is not shown in another one.
  await page.keyboard.press("a");
  await afterMove(page, 8);
  assert.equal(await page.locator("#predict").count(), 0);
  await page.keyboard.press("ArrowLeft");
  await afterMove(page, 7);
  assert.match(await page.textContent("#predict"), /If A is polled now, what is its status after that\?.*A is done then/);
  // Or without a prediction.
  await page.goto(`${host.url}#overtaking.textbook.ABA`);
  await page.click('[data-answer="0"]');
  assert.match(await page.textContent(".lesson"), /Predict the next state above/);
  await page.click('[data-predict=""]');
  assert.equal(await page.textContent("#said"), "A is done then. Poll it and see.");
  assert.match(await page.textContent(".lesson"), /barging/);
  // Inside fairgate: A releases the permit while B waits, and asks again.
  await page.goto(`${host.url}#overtaking.fairgate.AB`);
  await afterMove(page, 2);
  await page.keyboard.press("a");
  await afterMove(page, 3);
  const cells = async () => (await page.locator(".bits .cell b").allTextContents()).join(" "); // permits, CLOSED, RECHECK, LOCKED, QUEUED
  const queue = async () => (await page.locator(".core .place").allTextContents()).join(" ");
  const shown = [];
  for (let step = 9; step >= 1; step--) {
    assert.match(await page.textContent(".inside-steps .actions"), new RegExp(`Step ${step} of 9 in move 3`));
    shown.unshift([await cells(), await queue(), await page.locator(".core .changed").count()]);
    await page.keyboard.press(",");
  }
  assert.deepEqual(shown, [
    ["0 0 0 0 1", "Bwaits", 0],
    ["1 0 0 1 1", "Bwaits", 2], // locked, with the permit
    ["1 0 0 1 1", "Bclaimed", 1],
    ["0 0 0 0 0", "Bclaimed", 3], // unlocked, without the permit
    ["0 0 0 0 0", "Bgranted", 1],
    ["0 0 0 0 0", "Bgranted", 0], // woken
    ["0 0 0 1 1", "Bgranted", 2],
    ["0 0 0 1 1", "Awaits Bgranted", 1],
    ["0 0 0 0 1", "Awaits Bgranted", 1],
  ]);
  await page.keyboard.press(".");
  assert.equal(await page.textContent("#said"), "Step 2 of 9: The queue is locked, and in the same step 1 permit is released.");
  for (let step = 3; step <= 4; step++) await page.keyboard.press(".");
  assert.equal(await page.textContent("#said"), "Step 4 of 9: The queue is unlocked, and the permit that was claimed leaves the word in the same step. A later request cannot take it.");
  await page.keyboard.press(".");
  assert.equal(await page.textContent("#said"), "Step 5 of 9: The outcome is stored in the request of B: 1 permit. It belongs to B from here on, although B has not run.");
  // Two threads: the word changes twice while the queue is locked.
  assert.match(await page.textContent(".how details > .about"), /ran without interruption/);
  await page.click("#threads");
  await page.waitForFunction(() => document.querySelector("#said").textContent.startsWith("Step 1 of 12: Before"));
  const cellsOfThreads = [];
  for (let step = 1; step < 12; step++) {
    await page.keyboard.press(".");
    cellsOfThreads.push(await cells());
  }
  const [lock, released, forgotten] = ["0 0 0 1 1", "1 0 0 1 1", "0 0 1 1 1"];
  assert.deepEqual(cellsOfThreads, [lock, lock, released, released, released, forgotten, forgotten, forgotten, lock, lock, "0 0 0 0 1"]);
  assert.equal(await page.textContent("#said"), "Step 12 of 12: Thread A: The queue is unlocked.");
  await page.click("#threads");
  assert.match(await page.textContent(".inside-steps .actions"), /Step 9 of 9 in move 3/);
  assert.equal(await page.textContent("#said"), "Step 9 of 9: The queue is unlocked.");
  // On small screens the steps are scrolled to, and the moves stay in sight and hide none of them.
  for (const [width, height, lecture] of [[390, 844, false], [1024, 768, true], [1024, 768, false]]) {
    for (const [game, steps, parts] of [["overtaking.fairgate.ABA", 9, [".bits"]], ["two-holders.asyncio-2017.ABC1xBAC", 3, ["li.current"]]]) {
      const small = await open(browser, host, `#${game}`, { viewport: { width, height } });
      if (lecture) await large(small);
      await small.click("#inside");
      assert.equal(await small.evaluate(() => document.activeElement.dataset.focus), "inside-.");
      for (let step = 2; step <= 3; step++) {
        await small.keyboard.press("Enter");
        assert.match(await small.textContent(".inside-steps"), new RegExp(`Step ${step} of ${steps}`));
        for (const part of [".inside-steps p", '[data-focus="inside-."]', ".moves .move", "#undo", ...parts]) {
          assert.ok((await onFirstScreen(small, part)).every(({ seen }) => seen), `${part} at ${width} px, lecture: ${lecture}`);
        }
      }
      await small.context().close();
    }
  }
  // On a phone, where the semaphore is folded away, it opens for the guilty line.
  const phone = await open(browser, host, "#two-holders.asyncio-2017.ABC1xBAC", { viewport: { width: 390, height: 844 } });
  await phone.waitForSelector("#predict");
  assert.equal(await phone.locator("li.guilty, .guilty-why").count(), 0);
  await phone.click('[data-predict="done"]');
  for (const part of ["li.guilty", ".guilty-why"]) assert.ok(await phone.locator(part).isVisible(), part);
  await phone.context().close();
  await page.context().close();
}

// What a screen reader says of each control.
async function names(browser, host) {
  const page = await open(browser, host, "#two-holders.asyncio-2017.ABC1");
  const tree = await page.locator("#content").ariaSnapshot();
  for (const name of ['heading "Two holders of one lock" [level=1]', 'radio "asyncio.Lock 2017" [checked]', 'button "Poll A"', 'button "Cancel A"', 'button "Unlock" [disabled]', 'button "Undo"', 'img "Timeline of 4 moves A: woken', 'slider "Move"', 'img "Lock is unlocked. Held by no task. Queue: A woken, B waits, C waits."', "A stands here."]) {
    assert.ok(tree.includes(name), `${name} is missing in\n${tree}`);
  }
  // A request that is granted waits no longer: it is beside the queue, as in the semaphore.
  await page.goto(`${host.url}#overtaking.fairgate.ABA`);
  await page.waitForSelector('.gate[aria-label="Semaphore slots: 1 permit, 0 available. Held by no task. Granted to B. Queue: A waits."]');
  assert.match(await page.textContent(".gate .inside"), /waiters: 1/);
  // That it was closed is true, even if the semaphore has lost its flag.
  await page.goto(`${host.url}#closed.tokio.12A`);
  await page.waitForSelector('.gate[aria-label="Semaphore slots: 1 permit, 0 available, was closed. Held by A. The queue is empty."]');
  assert.match(await page.textContent(".gate .inside"), /closed = false/);
  // A task whose request the server refuses is done, but its page does not arrive.
  await page.goto(`${host.url}#flood.unlimited.ABC`);
  await page.waitForSelector(".won");
  assert.match(await page.textContent('[data-task="C"] .status'), /refused, 429/);
  assert.match(await page.textContent(".timeline desc"), /C: refused/);
  assert.deepEqual(await page.locator(".timeline .end").allTextContents(), ["✕ refused"]);
  await page.context().close();
}

// Input that is faster than any engine: the page takes it step by step, and ends in a state that its address describes.
async function stress(browser, host) {
  for (const delay of host.name === "program" ? [0, 60] : [0]) {
    const page = await open(browser, host, "#one-wakeup.fairgate.");
    if (delay) {
      await page.route("**/engine", async (route) => {
        await new Promise((done) => setTimeout(done, delay));
        await route.continue();
      });
    }
    let random = 7;
    const below = (n) => (random = (random * 48271) % 2147483647) % n;
    const keys = ["a", "b", "c", "1", "Shift+A", "Shift+B", "ArrowLeft", "ArrowRight", "a", "1"];
    for (let i = 0; i < 80; i++) {
      const key = keys[below(keys.length)];
      await page.keyboard.press(i === 40 ? "r" : key);
    }
    await consistent(browser, host, page);
    // Ten clicks in one task of the page's event loop.
    await page.evaluate(() => {
      document.querySelector("#restart").click();
      for (const move of ["A", "1", "A", "B", "xB", "1", "A", "C", "B", "C"]) document.querySelector(`[data-move="${move}"]`)?.click();
    });
    await consistent(browser, host, page);
    // A key that is held down repeats: a move is made once, undo goes on.
    await page.keyboard.press("r");
    for (let i = 0; i < 30; i++) await page.keyboard.down("a");
    await page.keyboard.up("a");
    await afterMove(page, 1);
    for (const key of ["b", "1", "b", "a", "1", "c"]) await page.keyboard.press(key);
    await consistent(browser, host, page);
    for (let i = 0; i < 30; i++) await page.keyboard.down("ArrowLeft");
    await page.keyboard.up("ArrowLeft");
    await afterMove(page, 0);
    await consistent(browser, host, page);
    // Leaving the level while an answer is on its way.
    await page.keyboard.press("b");
    await page.goto(`${host.url}#sandbox`);
    await page.waitForSelector("#play");
    await page.waitForTimeout(300);
    assert.match(await page.evaluate(() => location.hash), /^#sandbox/);
    await page.context().close();
  }
}

// A fresh page at the same address shows the same.
async function consistent(browser, host, page) {
  await page.waitForSelector("#content:not([aria-busy])");
  await page.waitForTimeout(400); // the address follows
  assert.equal(await page.locator("[role=alert]").count(), 0);
  const other = await open(browser, host, await page.evaluate(() => location.hash));
  for (const area of [".picture", ".tasks", ".happened", ".outcome .won", ".outcome .broken"]) {
    const text = async (page) => (await page.locator(area).allInnerTexts()).join("\n");
    assert.equal(await text(page), await text(other), area);
  }
  assert.equal((await moveCount(page)).split(" ")[0], (await moveCount(other)).split(" ")[0]);
  await other.context().close();
}

async function badLinks(browser, host) {
  const page = await open(browser, host, "#flood.unlimited.AAAA");
  assert.match(await page.textContent("[role=alert]"), /move 3 is not possible: A is done/);
  await page.goto(`${host.url}#flood.unlimited.A`);
  await afterMove(page, 1);
  await page.goto(`${host.url}#flood.moonlight.`);
  await page.waitForSelector("[role=alert]");
  await page.goto(`${host.url}#nowhere`);
  await page.waitForSelector("text=There is no level");
  // Not a text that can be decoded, as the first address and as a later one.
  await page.goto(`${host.url}#flood.unlimited.A`);
  await afterMove(page, 1);
  await page.goto(`${host.url}#100%`);
  await page.waitForSelector('text=There is no level "100%"');
  const other = await open(browser, host, "#%E0%A4");
  assert.match(await other.textContent("[role=alert]"), /There is no level/);
  assert.ok(await other.locator(".card").count());
  // The sandbox says what is wrong, and shows the run of the lesson.
  await other.goto(`${host.url}#sandbox.9.20`);
  await other.waitForSelector("text=act is 9; it goes from 1 to 3");
  await other.waitForSelector(".summary");
  assert.ok(await other.isChecked('[data-focus="act-2"]'));
  await other.check('[data-focus="act-1"]');
  await other.waitForSelector("[role=alert]", { state: "detached" });
  await other.context().close();
  // The browser logs the 400 of the program; nothing else is wrong.
  for (let i = troubles.length - 1; i >= 0; i--) if (/400 \(Bad Request\)/.test(troubles[i])) troubles.splice(i, 1);
  await page.context().close();
}

async function playSandbox(browser, host) {
  const page = await open(browser, host, "#sandbox");
  const summary = async (expected) => {
    await page.waitForFunction((text) => document.querySelector(".summary")?.textContent.includes(text), expected);
  };
  await summary("At most 5 in flight, 20 answered, 0 refused, 0 timed out");
  await page.check('[data-focus="act-1"]');
  await summary("At most 10 in flight, 10 answered, 10 refused");
  await page.check('[data-focus="act-3"]');
  await summary("18 answered, 0 refused, 2 timed out");
  await page.focus("#slider-permits");
  await page.keyboard.press("ArrowLeft");
  await summary("At most 4 in flight");
  const link = await page.evaluate(() => location.hash);
  const other = await open(browser, host, link);
  assert.equal(await other.textContent(".summary"), await page.textContent(".summary"));
  await other.context().close();
  await page.click("#step");
  const number = async () => Number(await page.inputValue("#time"));
  const first = await number();
  await page.click("#step");
  assert.ok((await number()) > first || first === 0);
  await page.click("#play");
  await page.waitForFunction((from) => Number(document.querySelector("#time").value) > from + 50, await number());
  await page.click("#play");
  await page.context().close();
}

async function accessible(browser, host) {
  if (!host.first) return "on the first host";
  const paths = ["", "#lesson", "#lesson.a-limit", "#own.ce-j-", "#two-holders.asyncio-2017.ABC1xBAC", "#futurelock.fairgate.ABtBtAB", "#sandbox.3.20.3.1.200.90.400.2.10.1"];
  for (const path of paths) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open(browser, host, path, { colorScheme });
      if (path.startsWith("#two")) await page.click("#hint");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`));
      assert.deepEqual(found, [], `${path} ${colorScheme}`);
      await page.context().close();
    }
  }
}

// The Tab key goes down the page as the eye does, also on a phone and at 200 %.
async function tabOrder(browser, host) {
  for (const path of ["#overtaking.textbook.AB", "#sandbox"]) {
    for (const width of [360, 640]) {
      const page = await open(browser, host, path, { viewport: { width, height: 700 } });
      await page.waitForSelector(".summary, .move");
      const seen = [];
      for (;;) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
          const area = document.activeElement.closest(".area");
          // The bar with the moves stays where it is, whatever is above it.
          if (document.activeElement.closest(".dock")) return "dock";
          return area && { name: area.className, top: area.getBoundingClientRect().top + scrollY };
        });
        if (at === "dock") continue;
        if (at) seen.push(at);
        else if (seen.length) break;
      }
      const names = [...new Set(seen.map(({ name }) => name))];
      assert.ok(names.length >= 2, names.join());
      const sorted = seen.toSorted((a, b) => a.top - b.top).map(({ name }) => name);
      assert.deepEqual(seen.map(({ name }) => name), sorted, `${path} at ${width} px`);
      await page.context().close();
    }
  }
  // A layout that changes keeps the focus.
  const page = await open(browser, host, "#overtaking.textbook.AB");
  await page.focus('[data-focus="move-B"]');
  for (const width of [640, 1280]) {
    await page.setViewportSize({ width, height: 700 });
    await page.waitForFunction((layout) => document.querySelector(".level").dataset.layout === layout, width === 640 ? "narrow" : "wide");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.focus), "move-B");
  }
  await page.context().close();
}

// Where the system picks the colors, the pictures keep theirs: otherwise all swatches of a legend look the same.
async function forcedColors(browser, host) {
  const page = await open(browser, host, "#overtaking.textbook.ABA", { forcedColors: "active" });
  for (const part of [".token", ".slot", ".swatch", ".timeline"]) {
    const adjusted = await page.locator(part).first().evaluate((element) => getComputedStyle(element).forcedColorAdjust);
    assert.equal(adjusted, "none", part);
  }
  await page.context().close();
}

const display = (page) => page.click(".settings summary");

async function large(page) {
  await display(page);
  await page.check("#large");
  await display(page);
}

// The elements that can be seen without scrolling, and are not behind another one.
const onFirstScreen = (page, selector) =>
  page.evaluate((selector) => [...document.querySelectorAll(selector)].map((element) => {
    const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
    const inside = left >= 0 && top >= 0 && right <= innerWidth + 0.5 && bottom <= innerHeight + 0.5 && width > 0 && height > 0;
    const over = document.elementFromPoint((left + right) / 2, (top + Math.min(bottom, innerHeight)) / 2);
    return { name: element.dataset.move ?? element.className, seen: inside && (element.contains(over) || over?.contains(element)) };
  }), selector);

// On every screen, each level shows all its moves and the beginning of its code without scrolling, before the first move and
// after the win. In the lecture mode all of the code, the picture and the outcome are there, too.
async function everyScreen(browser, host) {
  if (!host.first) return "on the first host";
  const levels = await catalog(browser, host);
  const screens = {
    phone: { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
    landscape: { viewport: { width: 844, height: 390 } },
    lecture: { viewport: { width: 1024, height: 768 } },
  };
  for (const [screen, options] of Object.entries(screens)) {
    const page = await open(browser, host, "", { hasTouch: screen === "phone" || screen === "landscape", ...options });
    if (screen.startsWith("lecture")) await large(page);
    for (const level of levels) {
      for (const variant of level.variants) {
        for (const moves of variant.solution ? ["", variant.solution.join("")] : [""]) {
          const id = `${level.id}.${variant.id}.${moves}`;
          await page.goto(`${host.url}#${id}`);
          await page.waitForFunction(([title, n]) => document.querySelector("h1")?.textContent === title && document.querySelector(".scrub output")?.textContent.startsWith(`${n} of`), [level.title, moves ? variant.solution.length : 0]);
          await page.evaluate(() => scrollTo(0, 0));
          const parts = screen.startsWith("lecture") ? [".moves .move", ".code .listing", ".picture .gate", ".goal"] : [".moves .move", ".goal"];
          if (moves && screen !== "landscape") parts.push(".outcome .won");
          if (screen === "phone") parts.push(".code h2 + .listing li:first-child");
          for (const part of parts) {
            const hidden = (await onFirstScreen(page, part)).filter(({ seen }) => !seen);
            assert.deepEqual(hidden, [], `${id} on ${screen}: ${part}`);
          }
          if (screen === "lecture") assert.deepEqual(await smallTexts(page), [], `${id} on ${screen}`);
        }
      }
    }
    await page.context().close();
  }
}

// The texts of the page that are smaller than 10 pixels on the screen, those of scaled pictures too.
const smallTexts = (page) =>
  page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const small = [];
    while (walker.nextNode()) {
      const { parentElement: element, data } = walker.currentNode;
      if (!data.trim() || !element.getClientRects().length || element.closest(".hidden, title, desc")) continue;
      const svg = element.closest("svg");
      const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : element.currentCSSZoom ?? 1;
      const size = Number.parseFloat(getComputedStyle(element).fontSize) * scale;
      if (size < 9.95) small.push(`${data.trim()}: ${size.toFixed(1)} px`);
    }
    return small;
  });

// On a phone every text can be read.
async function textSizes(browser, host) {
  if (!host.first) return "on the first host";
  const levels = await catalog(browser, host);
  const sections = [...new Set(levels.map(({ chapter }) => chapter))].map((chapter) => `#lesson.${chapter.toLowerCase().replace(/[^a-z0-9 ]/g, "").replaceAll(" ", "-")}`);
  const games = levels.map(({ id, variants }) => `#${id}.${variants.at(-1).id}.A`);
  const page = await open(browser, host, "", { viewport: { width: 390, height: 844 } });
  for (const path of ["#", "#lesson", "#own.ad-gh-.ABA", "#sandbox.1", "#sandbox.3.20.3.1.200.90.400.2.10.1", "#one-wakeup.asyncio-september-2022.A111BCA", ...sections, ...games]) {
    await page.goto(host.url + path);
    await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector("[aria-busy]"));
    await page.waitForSelector(path.startsWith("#sandbox") ? ".timeline" : path.startsWith("#lesson.") ? ".figure-at" : "h1");
    await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
    assert.deepEqual(await smallTexts(page), [], path);
  }
  await page.context().close();
}

// What a screen reader is told: each thing once, in plain text, and where the focus goes.
async function announcements(browser, host) {
  const page = await open(browser, host, "#one-wakeup.asyncio-september-2022.");
  const said = () => page.textContent("#said");
  for (const [index, key] of ["a", "1", "1", "1", "b", "c", "a"].entries()) {
    await page.keyboard.press(key);
    await afterMove(page, index + 1);
    const text = await said();
    assert.ok(!text.includes("`"), text);
    const sentences = text.split(/(?<=\.) /);
    assert.equal(new Set(sentences).size, sentences.length, text);
    const shown = (await page.locator("#content").innerText()).replace(/\s+/g, " ");
    for (const sentence of sentences.filter((sentence) => sentence !== "Goal reached.")) assert.ok(shown.includes(sentence), sentence);
  }
  assert.match(await said(), /Goal reached\.$/);
  // A key that is not possible is answered, on the page too.
  await page.goto(`${host.url}#flood.unlimited.`);
  await page.waitForSelector('h1:has-text("All at once")');
  for (const [key, answer] of [["ArrowLeft", "No move to undo."], ["Shift+A", "In this level no task can be cancelled."], ["d", "There is no task D."], ["t", "No timer is set in this level."], ["5", "There is no action 5."]]) {
    await page.keyboard.press(key);
    await page.waitForFunction((answer) => document.querySelector("#said").textContent === answer && document.querySelector(".notice")?.textContent === answer, answer);
  }
  await page.keyboard.press("a");
  await afterMove(page, 1);
  assert.equal(await page.locator(".notice").count(), 0);
  await page.goto(`${host.url}#time-limit.around.ABtABtB`);
  await page.waitForSelector('[data-task="B"] .status:has-text("timed out")');
  await page.goto(`${host.url}#flood.fairgate.ABABC`);
  await afterMove(page, 5);
  await page.keyboard.press("c");
  await afterMove(page, 6);
  assert.match(await said(), /No move is left\.$/);
  // The moves are two tabs away.
  await page.goto(`${host.url}#limit.underscore.`);
  await page.waitForSelector('h1:has-text("A limit that does not limit")');
  await page.reload();
  await page.waitForSelector("#content[data-ready]");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.move), "A");
  // "Next" goes to the heading of the next level, "Now on" to its first move.
  await page.goto(`${host.url}#flood.unlimited.ABC`);
  await page.waitForSelector(".won");
  await page.focus("#other");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.dataset.move === "A");
  assert.equal(await said(), "Now on: 2 permits.");
  await page.click("#why");
  await page.click('[data-answer="1"]');
  await page.focus("#next");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.tagName === "H1" && document.activeElement.textContent === "A limit that does not limit");
  assert.match(await said(), /^Level 2 of \d+\. Goal: /);
  await page.context().close();
}

// What is remembered: progress of two tabs, no progress by a link, the undone moves of a tab.
async function memory(browser, host) {
  const one = await open(browser, host, "");
  const two = await one.context().newPage();
  await two.goto(host.url);
  await two.waitForSelector("#content[data-ready]");
  for (const [tab, link] of [[one, "#limit.underscore."], [two, "#limit.three."]]) {
    await tab.goto(host.url + link);
    await afterMove(tab, 0);
    for (const [index, key] of ["a", "b", "c"].entries()) {
      await tab.keyboard.press(key);
      await afterMove(tab, index + 1);
    }
  }
  for (const tab of [one, two]) {
    await tab.waitForFunction(() => document.querySelectorAll(".tick").length === 2);
  }
  // A link that shows a solution is not the reader's own.
  await one.goto(`${host.url}#closed.tokio.12A`);
  await one.waitForSelector(".won");
  assert.equal(await one.locator(".tick").count(), 0);
  // A reload keeps the moves that were undone.
  await one.keyboard.press("ArrowLeft");
  await one.keyboard.press("ArrowLeft");
  await one.waitForFunction(() => location.hash === "#closed.tokio.1");
  await one.reload();
  await one.waitForSelector("#content[data-ready]");
  assert.equal(await moveCount(one), "1 of 3");
  await one.keyboard.press("ArrowRight");
  await afterMove(one, 2);
  await one.context().close();
}

// The edition that is one file, from the disk, without a server.
async function fromDisk(browser, host) {
  if (!host.folder) return "not for this host";
  const page = await browser.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.stack));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(pathToFileURL(join(host.folder, "playground.html")).href);
  await page.waitForSelector("#content[data-ready]");
  await page.click("text=Start with level 1");
  await afterMove(page, 0);
  for (const [index, key] of ["a", "b", "c"].entries()) {
    await page.keyboard.press(key);
    await afterMove(page, index + 1);
  }
  await page.waitForSelector(".outcome .won");
  await page.click("#search");
  await page.waitForSelector(".found");
  assert.deepEqual(faults, []);
  await page.close();
}

// An engine that does not load says why.
async function brokenEngine(browser, host) {
  if (!host.folder) return "not for this host";
  for (const [answer, said] of [[{ status: 404 }, /cannot be loaded: the server answers 404/], [{ status: 200, body: "nonsense" }, /engine\.wasm does not start/]]) {
    const page = await browser.newPage();
    await page.route("**/engine.wasm", (route) => route.fulfill(answer));
    await page.goto(`${host.url}#flood.unlimited.`);
    await page.waitForSelector("[role=alert]");
    assert.match(await page.textContent("[role=alert]"), said);
    await page.close();
  }
}

async function screenshots(browser, host) {
  if (!host.first) return "on the first host";
  const sizes = {
    light: {},
    dark: { colorScheme: "dark" },
    phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
    landscape: { viewport: { width: 844, height: 390 } },
    wide: { viewport: { width: 1920, height: 1080 } },
    lecture: { viewport: { width: 1024, height: 768 } },
    projector: { viewport: { width: 1920, height: 1080 }, colorScheme: "dark" },
  };
  const paths = { home: "", lesson: "#lesson", own: "#own.ad-gh-", start: "#flood.unlimited.", level: "#overtaking.textbook.ABA", inside: "#overtaking.fairgate.ABA", long: "#one-wakeup.asyncio-september-2022.A111BCA", sandbox: "#sandbox.3.20.3.1.200.90.400.2.10.1" };
  for (const [size, options] of Object.entries(sizes)) {
    // What differs on these is only a level.
    const shown = Object.entries(paths).filter(([name]) => !["landscape", "wide", "projector"].includes(size) || ["level", "long"].includes(name));
    for (const [name, path] of shown) {
      const page = await open(browser, host, path, { reducedMotion: "reduce", ...options });
      if (["lecture", "projector"].includes(size)) await large(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${name}, ${size}: ${wider} px too wide`);
      await page.screenshot({ path: join(folder, `${host.name}-${name}-${size}.png`), fullPage: ["light", "dark"].includes(size) });
      await page.context().close();
    }
  }
}

const browser = await chromium.launch({ executablePath, args });
try {
  for (const path of hosts) {
    const host = { ...(await start(path)), first: path === hosts[0] };
    try {
      for (const test of [playAll, keys, keyboardAlone, announcements, memory, names, lessonPath, bringYourOwn, stepInside, everyScreen, textSizes, stress, badLinks, playSandbox, accessible, tabOrder, forcedColors, fromDisk, brokenEngine, screenshots]) {
        const from = performance.now();
        const said = await test(browser, host);
        console.log(`${host.name}: ${test.name}: ok${said ? `: ${said}` : ""} (${((performance.now() - from) / 1000).toFixed(0)} s)`);
      }
      assert.deepEqual(troubles, []);
    } finally {
      host.stop();
    }
  }
} finally {
  await browser.close();
}
