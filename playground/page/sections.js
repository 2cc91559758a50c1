// The texts of the lesson. The title of a section is the chapter of its levels, and the name of its programs.

export const SECTIONS = [
  {
    title: "Twenty requests at once",
    about: "Tasks are cheap, so it is easy to start too many.",
    text: [
      "Twenty posts are fetched by twenty tasks, which all start at once. Nothing limits them, so all twenty requests are in flight together. With a hundred posts it would be a hundred, and most servers answer that with status 429, “too many requests”.",
      "The server here is two numbers: how many requests are in flight, and the most there ever were.",
    ],
    terms: [
      ["A future does nothing by itself", "Calling an async function returns a future, like a coroutine object in Python. It runs only while something polls it: `executor.spawn(...)` is `asyncio.create_task(...)`, and `block_on(executor.run(...))` is `asyncio.run(...)`."],
      ["Polling", "To poll a future is to let it run to its next `.await` that is not ready. It then returns `Pending`, and is polled again after it was woken. asyncio does the same with callbacks of its event loop."],
      ["`Cell`", "Rust lets several tasks read a variable, or one change it. A `Cell` is a variable that several tasks of one thread may change: `get` and `set`, as with any Python variable."],
      ["Where tasks switch", "Only at an `.await`, as in Python. Between two of them no other task of this thread runs."],
    ],
    figure: "flood.unlimited.ABABCC",
    caption: "A server that takes two requests at a time. In this order of moves it is lucky: the third request comes after the first two are answered.",
    exercise: {
      ask: "Fetch the twenty posts with at most five requests in flight, and without a semaphore.",
      hints: ["It does not take twenty tasks to fetch twenty posts.", "Five tasks, and each fetches one post after the other, as long as there are any.", "They share the number of the next post, in a `Cell`. To take it needs no lock: no other task runs between two awaits."],
      solution: "workers",
    },
    short: "Without a limit, the number of requests in flight is the number of tasks.",
  },
  {
    title: "A limit",
    about: "A semaphore lets five tasks through, and the others wait.",
    text: [
      "A semaphore of 5 has five permits. A task acquires one before its request and releases it after. All twenty tasks still exist at once, but at most five of them hold a permit; the others wait in a queue.",
    ],
    terms: [
      ["`let _slot = ...` is `async with`", "In Rust the permit is a value, and it is released when the value is dropped: at the end of the block, on an early `return`, and when the task is cancelled. The name matters: `let _ = ...` drops the permit at once."],
      ["Why `acquire().await` can fail", "A semaphore can be closed, when a program shuts down. Then `acquire` returns an error instead of a permit. `unwrap()` says: this one is never closed. asyncio’s semaphore cannot be closed."],
      ["A queue that is not too long", "`slots.acquire().max_waiters(2).await` fails at once if two requests are in the queue. asyncio’s queue has no bound."],
      ["`locked()`", "`slots.locked()` is true when a task would have to wait. In Rust ask for `available_permits()`, or try: `try_acquire()` returns at once."],
    ],
    figure: "flood.fairgate.ABCACBC",
    caption: "Two permits, three tasks. C waits until A is done, and no order of moves makes the server refuse it.",
    exercise: {
      ask: "A program shuts down: permits that are held may be used to the end, but requests in the queue and new ones must fail. Write it, and print what each of the three sees.",
      hints: ["One method does it, and it takes no argument.", "`close()` wakes all requests in the queue. Each of them, and each new one, returns an error.", "To have a request in the queue without a task, poll it once: `poll_once(&mut request).await`."],
      solution: "close",
    },
    short: "Acquire, work, release: at most n tasks are between the first and the last. Keep the permit in a variable with a name.",
  },
  {
    title: "A time limit",
    about: "A request that hangs must not keep its permit.",
    text: [
      "A request that never ends would hold its permit as long as the program runs. So each request has a time limit. It starts when the task has its permit, because the time in the queue says nothing about the request.",
    ],
    terms: [
      ["`with_timeout(work, limit)` is `wait_for`", "The limit is a future too, from any timer. If it is ready first, the work is dropped and the result is `Err`."],
      ["To cancel is to drop", "asyncio cancels by throwing `CancelledError` into a task, which may run more code. A Rust future that is dropped runs no further line; only its values are dropped, and with them the permits that it holds."],
      ["`match` on a `Result`", "`Ok(title)` and `Err(_elapsed)` are the two cases that Python tells apart by an exception."],
    ],
    figure: "time-limit.inside.ABtABtB",
    caption: "The server needs 2 seconds for each answer, and each request may take 3. B waits for its permit first, and its limit starts after that.",
    exercise: {
      ask: "Sometimes the wait is what you want to limit: write `acquire_within`, which stops waiting after a time limit, and show that its request is not in the queue after that.",
      hints: ["`acquire()` is a future like any other.", "Put the acquire into `with_timeout`, not the work after it.", "There are two reasons to fail: the time is up, or the semaphore is closed. `.ok()?` twice turns both into `None`."],
      solution: "within",
    },
    short: "Put the time limit inside the permit. A limit around the wait and the work throws work away under load.",
  },
  {
    title: "Lock or semaphore?",
    about: "One task at a time, or up to n.",
    text: [
      "A lock lets exactly one task through at a time, a semaphore up to n. Use a lock where two tasks must not touch a value at once, and a semaphore where n tasks may use something at once.",
      "Three tasks add 1 to a total, and each waits between reading and writing. A semaphore of 3 lets all of them read 0.",
    ],
    terms: [
      ["The value is inside the lock", "`asyncio.Lock` protects whatever you agree that it protects. A Rust `Mutex` contains its value: `lock().await` returns a guard, and `*guard` is the only way to the value."],
      ["`zip`", "`zip(a, b)` runs two futures at once and waits for both, as `asyncio.gather` does. Here it needs no executor."],
      ["No threads", "Both programs have one thread. An update is lost at the `.await` between the read and the write."],
    ],
    figure: "lost-update.fairgate.ABABB",
    caption: "Two tasks add 1 to a counter inside a mutex. B waits for the lock while A is between reading and writing.",
    exercise: {
      ask: "What only a semaphore can do: let a task go on when five others have arrived, with a semaphore that starts with no permits.",
      hints: ["Permits can be added by a task that never acquired one.", "Each of the five adds one permit when it arrives.", "The task that waits acquires five in one request."],
      solution: "barrier",
    },
    short: "A lock protects a value. A semaphore limits how many, and its permits may be added by another task than the one that acquires them.",
  },
  {
    title: "Requests a second",
    about: "A quota counts time, so permits must come back with time.",
    text: [
      "“At most five at a time” says nothing about a second: with answers that take 50 ms it is a hundred requests a second. For a quota, a request uses its permit up, and a timer adds new ones. This is a token bucket.",
      "It starts full, so in its first second it lets through the bucket and what the timer adds in that second. Both together must stay within the quota.",
      "Where answers may be slow, use both: first a permit for a request in flight, then a token. In the other order, tasks that wait for a permit save tokens up, and send more in one second than the quota.",
    ],
    terms: [
      ["`forget()`", "Uses the permit up: it is not released when it is dropped. In Python you just never call `release`."],
      ["`add_permits(1)`", "Adds a permit that no task held. `asyncio.BoundedSemaphore.release` raises `ValueError` above its initial value; in Rust the timer looks first."],
      ["`for_each(|_| tick())`", "A closure: `lambda _: tick()`."],
    ],
    figure: "rate.fairgate.DABAtDBBtDCC",
    caption: "A bucket of one token. D adds a token every second, and each request uses one up. The server answers at most two within a second.",
    exercise: {
      ask: "The timer looks whether the bucket is full, and then adds a token. Let two timers tick, in two threads: both may look before one of them adds. Write a tick that never makes more tokens than the bucket holds.",
      hints: ["The look and the addition must be one step.", "A lock around both would do. The semaphore has a method for it, too.", "`add_permits_up_to(1, BURST)` adds a permit if fewer than `BURST` are available, and returns how many it added."],
      solution: "tick",
    },
    short: "A permit that is released limits how many at a time. A permit that is forgotten, with a timer that adds new ones, limits how many a second.",
  },
  {
    title: "A pool",
    about: "A permit says that a connection is yours, a list says which.",
    text: [
      "There are n connections and more tasks. A semaphore of n counts them, and a plain list holds those that are idle. A task that holds a permit always finds a connection in the list, if each connection is back before its permit.",
      "In both programs the first task is cancelled while it uses the only connection.",
    ],
    terms: [
      ["`Drop` is `finally`", "`drop` runs when a value goes out of scope, and also when the future that owns it is dropped. So it does what `finally` does in an `asynccontextmanager`."],
      ["Order of drops", "First the value’s own `drop` runs, then its fields are dropped in the order of their declaration: the connection goes back before the permit is released."],
      ["`RefCell`", "A `Cell` for values that are not copied: `borrow_mut()` lends them for a moment. Never hold it across an `.await`."],
      ["`&'a`", "The connection borrows the pool, and the compiler checks that it does not outlive it."],
    ],
    figure: "pool.fairgate.ABAABBB",
    caption: "One connection, two tasks. A guard puts the connection back before the permit is released.",
    exercise: {
      ask: "Lower the limit from five to three while all five permits are held. When is the next request granted?",
      hints: ["What is held cannot be taken away.", "`forget_permits` takes what is available, and here that is nothing. Which method remembers the rest?", "`reduce_permits(2)`: two permits are owed, and the next two releases pay them."],
      solution: "smaller",
    },
    short: "Put the connection back in `drop`, before the permit: a task that is cancelled runs no further line.",
  },
  {
    title: "Order and its price",
    about: "Who is next, and what strict order costs.",
    text: [
      "A simple semaphore adds the permit to a number and wakes a waiter. Until that waiter runs, any task can take the permit, and a task that releases and acquires again at once always gets it. This is called barging. asyncio’s semaphore did that until 2022.",
      "fairgate, and asyncio since then, grant the permit to the front of the queue in the act of releasing it. While a request is in the queue, no other one gets a permit: neither a new one, nor `try_acquire`, nor a small one behind a large one. The price: between the grant and the moment when the task runs, the permit is not used.",
    ],
    terms: [
      ["`&'static str`", "A string literal, valid as long as the program runs."],
      ["`async |name, count| { ... }`", "An async closure: an async function without a name, which may use the variables around it, here `slots` and `order`."],
    ],
    figure: "overtaking.fairgate.ABABBAA",
    caption: "A takes two turns, B one. When A releases the permit and asks again, B has it already, although B has not run since.",
    exercise: {
      ask: "Five permits are held. A request for 3 is queued, then one for 1, then another one for 1. The permits are released one by one. After how many releases is each request granted? Think first, then write it.",
      hints: ["Strict order holds for requests of any size.", "The request for 3 is at the front. How many permits does it need?", "The small requests could have had the first two permits. They wait."],
      solution: "next",
    },
    short: "In strict order no request waits for good. If the order does not matter to you, a semaphore that lets requests barge does more work in total.",
  },
  {
    title: "Cancellation",
    about: "A task may be cancelled at every moment, also after its permit was granted.",
    text: [
      "A task in the queue can be cancelled: by a time limit, by a user closing the page. The hard moment is after its permit was granted and before it has run. Then the permit must go to the next one. Four levels of this section are mistakes that Python’s asyncio had between 2014 and 2023.",
    ],
    terms: [
      ["`pin!` and `Box::pin`", "A future that was polled must not move in memory any more, because it may point into itself, or a queue may point to it. `pin!` fixes it where it is, `Box::pin` on the heap; the latter can be dropped early, which is what cancels it here."],
      ["`poll_once`", "Polls a future a single time and returns `None` if it is pending. So the request is in the queue without a task."],
      ["`add_permits(1)` is `release()`", "In Python a release needs no acquire before it. In Rust a permit releases itself; adding one that no task held is a method of its own."],
      ["One case that order does not help", "A permit can be granted to a future that its task polls no more, for example after a `select!` over `&mut request`. Drop such a future."],
    ],
    figure: "cancelled-wakeup.fairgate.AB1xABB",
    caption: "You hold the only permit, A and B wait. You release it, A is granted and cancelled, and the permit goes to B.",
    exercise: {
      ask: "A task waits for a permit or for a message, whichever comes first. The message comes first, and the task keeps its request, but polls it no more. Then the permit is released. Show that another request waits although no task uses the permit, and repair it.",
      hints: ["`or(a, b)` polls two futures and returns what the first one returns. If you give it `&mut request`, the request is still there after that.", "A release grants the permit to the request at the front, whether its task polls it or not.", "`drop(request)` passes the permit on. A request that is not borrowed is dropped by `or` itself."],
      solution: "kept",
    },
    short: "A wake-up is a promise that the task will look. A task that is cancelled cannot keep it, so the promise has to be passed on.",
  },
];
