// The scene of compare.rs with the npm package redis-semaphore: prints one row of numbers.
const { Redis } = require('ioredis');
const { Semaphore } = require('redis-semaphore');
const [url, ...numbers] = process.argv.slice(1);
const [permits, tasks, hold, length] = numbers.map(Number);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const redis = new Redis(url);
let inside = 0, most = 0, sum = 0, samples = 0;
const waits = [];
const start = performance.now();
const elapsed = () => performance.now() - start;
const visitor = async () => {
  while (elapsed() < length) {
    const began = performance.now();
    const semaphore = new Semaphore(redis, 'rival', permits, { lockTimeout: 2000, acquireTimeout: 60000, retryInterval: 10 });
    await semaphore.acquire();
    inside += 1;
    most = Math.max(most, inside);
    waits.push(performance.now() - began);
    if (hold > 0) await sleep(hold);
    inside -= 1;
    await semaphore.release();
  }
};
(async () => {
  const visitors = Array.from({ length: tasks }, visitor);
  await sleep(Math.min(1000, length / 4));
  while (elapsed() < length) {
    sum += inside;
    samples += 1;
    await sleep(2);
  }
  await Promise.all(visitors);
  const total = elapsed() / 1000;
  waits.sort((a, b) => a - b);
  const rank = (share) => waits[Math.floor((waits.length - 1) * share)].toFixed(1) + ' ms';
  console.log((waits.length / total).toFixed(0).padStart(12) + (sum / samples).toFixed(1).padStart(16)
    + rank(0.5).padStart(14) + rank(0.99).padStart(12) + String(most).padStart(8));
  redis.disconnect();
})();
