/*
 * The protocol of src/raw/ for Spin. Each label p_... is one step: one atomic access, or one edit of the queue by the lock
 * holder. README.md has the table from functions to steps. What a thread does between two accesses is part of the
 * step before.
 *
 * Spin explores every interleaving of the threads of one configuration, under sequential consistency. A configuration
 * and a planted change are chosen by -D: see CONFIGURATIONS below and BREAK_... in the code.
 *
 *     spin -a -DHAND_OFF proof/fairgate.pml && gcc -O2 -o pan pan.c && ./pan
 */

/* ---- The state word, as in state.rs: permits above four flags. ---- */

#define QUEUED 1
#define LOCKED 2
#define PEEKED 4
#define CLOSED 8

#define has(w, flags)   (((w) & (flags)) != 0)
#define permits(w)      ((w) >> 4)
#define plus(w, n)      ((w) + ((n) << 4))
#define minus(w, n)     ((w) - ((n) << 4))
#define locked(w)       ((w) | LOCKED | QUEUED)
#ifdef BREAK_Q4
#define is_editable(w)  (!has(w, LOCKED))
#else
#define is_editable(w)  (!has(w, LOCKED | PEEKED))
#endif
#define at_most(a, b)   ((a) < (b) -> (a) : (b))

/* ---- What a node's `prev` holds, as in node.rs. A smaller value is a neighbour: the node is queued. ---- */

#define GRANTED 16
#define CLAIMED 17
#define FLAGS   (CLOSED | PEEKED)
#define is_queued(n)    (prev[n] < GRANTED)
#define has_outcome(n)  (prev[n] >= GRANTED && prev[n] != CLAIMED)

/* The back's `next` holds the length of the queue: LENGTH + length, so that it is not taken for a neighbour. */
#define LENGTH 32

/* As under loom. */
#define CAPACITY 2

/*
 * ---- CONFIGURATIONS ----
 *
 * CREATED permits, and a program for each of the 3 threads: step(thread, number, operation, a, b).
 *
 *   acquire a b   polls until the request for a to b permits completes
 *   repoll a b    the same; may be polled once with another waker while it is pending
 *   cancel a b    the same; may be cancelled at any time while it is pending
 *   bounded a b   the same, for exactly a permits; fails if b or more requests are queued
 *   try a b       takes a to b permits or fails
 *   release_all   releases what the thread has acquired, if anything
 *   add a, forget a, reduce a, close, peek
 *   repeat        starts the program again
 */

mtype = { acquire, repoll, cancel, bounded, try, release_all, add, forget, reduce, close, peek, repeat, end };

#define step(t, i, operation, a, b) :: _pid == t && k == i -> what = operation; least = a; most = b

#if defined(HAND_OFF) /* acquire and release, weights 1 and 2 */
#define CREATED 2
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, acquire, 2, 2) step(0, 3, release_all, 0, 0) \
	step(1, 0, acquire, 2, 2) step(1, 1, release_all, 0, 0) step(1, 2, acquire, 1, 1) step(1, 3, release_all, 0, 0) \
	step(2, 0, acquire, 1, 1) step(2, 1, release_all, 0, 0) step(2, 2, acquire, 1, 1) step(2, 3, release_all, 0, 0)
#elif defined(CANCEL) /* cancel while queued, claimed or granted, weights 1 and 2 */
#define CREATED 2
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, cancel, 1, 1) step(0, 3, release_all, 0, 0) \
	step(1, 0, cancel, 2, 2) step(1, 1, release_all, 0, 0) step(1, 2, acquire, 1, 1) step(1, 3, release_all, 0, 0) \
	step(2, 0, cancel, 1, 1) step(2, 1, release_all, 0, 0) step(2, 2, try, 1, 2) step(2, 3, release_all, 0, 0)
#elif defined(REPOLL) /* poll again, with the same and with another waker */
#define CREATED 1
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, repoll, 1, 1) step(0, 3, release_all, 0, 0) \
	step(1, 0, repoll, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, repoll, 1, 1) step(1, 3, release_all, 0, 0) \
	step(2, 0, add, 1, 0) step(2, 1, cancel, 2, 2) step(2, 2, release_all, 0, 0)
#elif defined(CLOSING) /* close while requests are queued, claimed or granted; one thread keeps its permits */
#define CREATED 1
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, cancel, 1, 1) step(0, 3, release_all, 0, 0) \
	step(1, 0, acquire, 1, 2) step(1, 1, release_all, 0, 0) step(1, 2, acquire, 2, 2) \
	step(2, 0, add, 1, 0) step(2, 1, close, 0, 0) step(2, 2, try, 1, 1)
#elif defined(DEFICIT) /* forget, reduce below what is available, and add */
#define CREATED 2
#define PROGRAM \
	step(0, 0, acquire, 2, 2) step(0, 1, release_all, 0, 0) step(0, 2, reduce, 2, 0) step(0, 3, add, 2, 0) \
	step(1, 0, acquire, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, forget, 1, 0) step(1, 3, add, 1, 0) \
	step(2, 0, cancel, 1, 2) step(2, 1, release_all, 0, 0) step(2, 2, add, 1, 0)
#elif defined(BOUNDS) /* a bounded queue, requests for a range, tries that take what there is */
#define CREATED 2
#define PROGRAM \
	step(0, 0, bounded, 2, 1) step(0, 1, release_all, 0, 0) step(0, 2, acquire, 1, 2) step(0, 3, release_all, 0, 0) \
	step(1, 0, bounded, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, try, 0, 2) step(1, 3, release_all, 0, 0) \
	step(2, 0, acquire, 1, 2) step(2, 1, release_all, 0, 0) step(2, 2, bounded, 1, 0) step(2, 3, release_all, 0, 0)
#elif defined(BATCHES) /* more requests to serve than fit into one batch, and wakers that wait for the semaphore */
#define THREADS 4
#define FOREIGN
#define CREATED 0
#define PROGRAM \
	step(0, 0, acquire, 1, 1) \
	step(1, 0, try, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, acquire, 1, 1) \
	step(2, 0, acquire, 1, 1) step(2, 1, release_all, 0, 0) \
	step(3, 0, add, 3, 0) step(3, 1, peek, 0, 0)
#elif defined(PEEKING) /* waiters() and Debug beside everything that edits the queue */
#define PEEKERS
#define CREATED 1
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, cancel, 1, 1) step(0, 3, release_all, 0, 0) \
	step(1, 0, cancel, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, peek, 0, 0) \
	step(2, 0, peek, 0, 0) step(2, 1, acquire, 1, 1) step(2, 2, release_all, 0, 0)
#elif defined(LIVE_QUEUE) /* endless: acquire and release, weights 1 and 2 */
#define LIVE
#define CREATED 2
#define PROGRAM \
	step(0, 0, acquire, 2, 2) step(0, 1, release_all, 0, 0) step(0, 2, repeat, 0, 0) \
	step(1, 0, acquire, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, repeat, 0, 0) \
	step(2, 0, acquire, 1, 1) step(2, 1, release_all, 0, 0) step(2, 2, repeat, 0, 0)
#elif defined(LIVE_MIXED) /* endless: acquire and release; cancel; reduce, forget and add */
#define LIVE
#define CREATED 2
#define PROGRAM \
	step(0, 0, acquire, 2, 2) step(0, 1, release_all, 0, 0) step(0, 2, repeat, 0, 0) \
	step(1, 0, cancel, 1, 2) step(1, 1, release_all, 0, 0) step(1, 2, repeat, 0, 0) \
	step(2, 0, reduce, 1, 0) step(2, 1, add, 1, 0) step(2, 2, repeat, 0, 0)
#elif defined(LIVE_PEEK) /* endless: acquire and release; peek */
#define LIVE
#define PEEKERS
#define CREATED 1
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, repeat, 0, 0) \
	step(1, 0, acquire, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, repeat, 0, 0) \
	step(2, 0, peek, 0, 0) step(2, 1, repeat, 0, 0)
#elif defined(LIVE_CLOSE) /* endless: acquire and release; close once */
#define LIVE
#define CREATED 1
#define PROGRAM \
	step(0, 0, acquire, 1, 1) step(0, 1, release_all, 0, 0) step(0, 2, repeat, 0, 0) \
	step(1, 0, try, 1, 1) step(1, 1, release_all, 0, 0) step(1, 2, repeat, 0, 0) \
	step(2, 0, close, 0, 0)
#else
#error choose a configuration
#endif

#ifndef THREADS
#define THREADS 3
#endif

/* ---- The semaphore and the memory of the nodes. Node 0 is the null pointer. ---- */

/* A thread that repeats its program uses one node again and again, else each request has its own. */
#ifdef LIVE
#define NODES (THREADS + 1)
#define new_node (_pid + 1)
#else
#define NODES (2 * THREADS + 1)
#define new_node (_pid + 1 + (k > 2 -> THREADS : 0))
#endif

short word = CREATED << 4;
byte front;
byte prev[NODES], next[NODES];
byte nmin[NODES];       /* `min` of the node */
byte amount[NODES];     /* the most it takes, then the permits granted to it */
byte waker[NODES];      /* 2 * node + variant */

/* ---- Tasks. Waking a waker that the task has replaced since does not wake the task. ---- */

byte current[NODES];    /* the waker with which the task was last polled */
bool woken[NODES];

/* ---- Ghosts: what the properties are about. The protocol does not read them. ---- */

bool alive[NODES];              /* the node was enqueued, and is not freed */
bool promised[NODES];           /* the permits of its claim have left the word: it must become a grant */
byte granted[NODES];            /* permits of a stored outcome that its owner has not taken */
byte held[THREADS];             /* permits of callers */
byte in_flight[THREADS];        /* permits that have left the word for claims without an outcome */
short total = CREATED;          /* created + added - forgotten - reduced */
chan order = [NODES] of { byte };  /* the queued nodes in the order in which they were enqueued */
byte holders;                   /* threads that hold the queue lock */

#if THREADS == 4
#define SUM_THREADS (held[0] + held[1] + held[2] + held[3] + in_flight[0] + in_flight[1] + in_flight[2] + in_flight[3])
#else
#define SUM_THREADS (held[0] + held[1] + held[2] + in_flight[0] + in_flight[1] + in_flight[2])
#endif
#if defined(LIVE)
#define SUM_NODES (granted[1] + granted[2] + granted[3])
#elif THREADS == 4
#define SUM_NODES (granted[1] + granted[2] + granted[3] + granted[4] + granted[5] + granted[6] + granted[7] + granted[8])
#else
#define SUM_NODES (granted[1] + granted[2] + granted[3] + granted[4] + granted[5] + granted[6])
#endif

/* Conservation; F2; LOCKED is the lock (Q2). After each change of the word. */
inline check() {
	assert(permits(word) + SUM_THREADS + SUM_NODES == total);
	assert(has(word, LOCKED) || has(word, QUEUED) == (len(order) > 0));
	assert(holders == (has(word, LOCKED) -> 1 : 0))
}

/* An access to a node by a thread that is not its owner. */
inline touch(n) { assert(alive[n]) }

/* A new request takes n permits without being queued. */
inline take(n) {
	assert(n == 0 || len(order) == 0 && permits(word) >= 0);  /* F1; never more than there are */
	assert(n >= least && n <= most);
	held[_pid] = held[_pid] + n;
	check()
}

/* A release, add, close or try never waits (F6). */
inline may_wait() { assert(what != release_all && what != add && what != close && what != try) }

inline lock_taken() { holders++; assert(holders == 1) }

/* The queue is a list as Q3 says, and has the length that it says. */
inline check_links() {
	assert((front == 0) == (len(order) == 0));
	if
	:: front != 0 ->
		x = front; i = 1;
		do
		:: x != prev[front] ->
			assert(alive[x] && next[x] < GRANTED && prev[next[x]] == x || next[x] == prev[front] && prev[next[x]] == x);
			x = next[x]; i++
		:: else -> break
		od;
		assert(alive[x] && next[x] == LENGTH + i && i == len(order) && order?[eval(front)]);
		x = 0; i = 0
	:: else
	fi
}

inline push_back(n) {
	if
	:: front == 0 -> prev[n] = n; next[n] = LENGTH + 1; front = n
	:: else ->
		x = prev[front];
		prev[n] = x; next[n] = next[x] + 1;
		next[x] = n; prev[front] = n; x = 0
	fi;
	alive[n] = true; nmin[n] = least; amount[n] = most; waker[n] = 2 * n; current[n] = 2 * n;
	order!n
}

inline unlink(n) {
	x = prev[front];  /* the back */
	if
	:: n == front && n == x -> front = 0
	:: n == front && n != x -> front = next[n]; prev[front] = x; next[x] = next[x] - 1
	:: n != front && n == x ->
		prev[front] = prev[n];
#ifndef BREAK_Q3
		next[prev[n]] = next[x] - 1
#endif
	:: else -> next[prev[n]] = next[n]; prev[next[n]] = prev[n]; next[x] = next[x] - 1
	fi;
	x = 0;
	order??eval(n)
}

/* The owner frees a node. */
inline free() {
	alive[node] = false; prev[node] = 0; next[node] = 0; nmin[node] = 0; amount[node] = 0; waker[node] = 0;
	current[node] = 0; woken[node] = false; promised[node] = false; node = 0
}

/* The owner takes the outcome of its node and may free it. A promised grant is a grant (F5, it survives close). */
inline take_outcome() {
	n = granted[node];
	assert(promised[node] == !has(prev[node], CLOSED));
	assert(n == 0 && !promised[node] || n >= least && n <= most);  /* what was asked for */
	held[_pid] = held[_pid] + n;
	granted[node] = 0;
	free()
}

/* Wakes the task, if it still waits for this waker. */
inline wake(v) {
	if
	:: v != 0 && current[v / 2] == v && alive[v / 2] -> woken[v / 2] = true
	:: else
	fi
}

/* ---- Decisions on the word ---- */

#ifdef BREAK_F1
#define must_queue(w) false
#else
#define must_queue(w) has(w, QUEUED)
#endif

#define can_serve(w) (permits(w) > 0 || has(w, CLOSED))
#define is_servable(w) \
	(front != 0 && can_serve(w) && (has(w, CLOSED) || permits(w) >= nmin[front]))
#define share_of_front(w) (has(w, CLOSED) -> 0 : at_most(permits(w), amount[front]))

/* The lock holder's edits are seen by threads that peek. Without any, the edits of one claim are one step. */
#ifdef PEEKERS
#define edits
#else
#define edits d_step
#endif

#ifdef FOREIGN
/* Foreign code in a waker may wait for all that dropping another future waits for. */
#define none_claimed \
	(prev[1] != CLAIMED && prev[2] != CLAIMED && prev[3] != CLAIMED && prev[4] != CLAIMED && \
	 prev[5] != CLAIMED && prev[6] != CLAIMED && prev[7] != CLAIMED && prev[8] != CLAIMED)
#define waker_may_go_on (!has(word, LOCKED) && none_claimed)
#else
#define waker_may_go_on true
#endif

/* Continuations: what follows once the queue is unlocked, and all that was claimed is complete. */
#define DONE         0
#define PENDING      1  /* look for the outcome, else stay pending */
#define WAIT_POLL    2  /* wait for the outcome and return it */
#define WAIT_CANCEL  3  /* wait for the outcome and release it */
#define REMOVED      4  /* free the node */

active [THREADS] proctype thread() {
	byte k;                  /* the number of the next operation */
	mtype what = end;
	byte least, most;        /* the request */
	byte n;                  /* permits to take, release, add, forget or reduce */
	byte node;               /* the node of the request */
	short seen;              /* the state that this thread goes by */
	byte first, count, sum;  /* Claims */
	byte unlocked;           /* flags with which the queue was unlocked */
	bool again;              /* the batch is unfinished */
	byte wake1, wake2;       /* WakeList */
	byte then;               /* a continuation */
	bool repolled;
	byte x, i;

p_next:
	atomic {
		d_step {
			what = end; least = 0; most = 0; n = 0; seen = 0; first = 0; count = 0; sum = 0;
			unlocked = 0; again = false; then = DONE; repolled = false;
			if PROGRAM :: else fi;
			k++
		}
		if
		:: what == acquire || what == repoll || what == cancel || what == bounded || what == try ->
			if :: what == bounded -> count = most; most = least :: else fi;  /* count: max_waiters, until the push */
			if :: least == most -> goto p_fast_load :: else -> goto p_state fi
		:: what == release_all -> goto p_release
		:: what == add || what == close -> n = least; goto p_update_load
		:: what == forget || what == reduce -> goto p_take_away_wait
		:: what == peek -> goto p_peek_wait
		:: what == repeat -> k = 0; goto p_next
		:: what == end -> goto p_end
		fi
	}

	/* -- try_acquire_fast -- */
p_fast_load:
	atomic {
		if
		:: permits(word) >= most && !must_queue(word) && !has(word, CLOSED) -> seen = word
		:: else -> goto p_state
		fi
	}
p_fast_take:
	atomic {
		if
		:: word == seen -> word = minus(word, most); take(most); goto p_next
		:: else -> seen = 0; goto p_state
		fi
	}

	/* -- take_share -- */
p_state:
	atomic {
		if
		:: has(word, CLOSED) -> goto p_next
		:: else -> seen = word
		fi;
		if
		:: permits(seen) >= least && !must_queue(seen) ->
			n = at_most(permits(seen), most);
			if :: n == 0 -> goto p_next :: else -> goto p_take fi
		:: else ->
			if
			:: least == 0 -> goto p_next
			:: else
			fi
		fi;
		/* It must wait. */
		if
		:: what == try ->
			assert(permits(seen) < least || len(order) > 0 || has(seen, LOCKED));
			goto p_next
		:: what == bounded && count == 0 -> goto p_next
		:: else ->
			if :: is_editable(seen) -> goto p_lock_to_enqueue :: else -> seen = 0; goto p_editable fi
		fi
	}
p_take:
	atomic {
		if
		:: word == seen -> word = minus(word, n); take(n); goto p_next
		:: else -> n = 0; seen = 0; goto p_state
		fi
	}

	/* -- poll_new -- */
p_editable:
	atomic { is_editable(word) -> may_wait(); goto p_state }
p_lock_to_enqueue:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else -> seen = 0; goto p_editable
		fi
	}
p_push:
	d_step {
		if :: front != 0 -> i = next[prev[front]] - LENGTH :: else fi;  /* the length of the queue */
		if
		:: what == bounded && i >= count -> assert(len(order) >= count); then = DONE
		:: else -> node = new_node; push_back(node); assert(what != bounded || len(order) <= count); then = PENDING
		fi;
		i = 0; count = 0
	}
	goto p_claim;

	/* -- A task that is pending: it sleeps, polls again, or cancels -- */
p_pending:
	if
	:: atomic { woken[node] -> woken[node] = false; goto p_outcome }
	:: atomic { what == repoll && !repolled -> repolled = true; current[node] = 2 * node + 1; goto p_outcome }
	:: atomic { what == cancel -> goto p_cancel }
	fi;

	/* -- poll_enqueued, poll_outcome -- */
p_outcome:
	atomic {
		if
		:: has_outcome(node) ->
			if
			:: has(prev[node], PEEKED) -> then = WAIT_POLL; goto p_wait_outcome
			:: else -> take_outcome(); goto p_next
			fi
		:: !has_outcome(node) && waker[node] != current[node] -> goto p_lock_wait
		:: else -> goto p_pending
		fi
	}

	/* -- WaitQueue::lock, for replace_waker and cancel -- */
p_lock_wait:
	atomic {
#ifdef BREAK_N4
		if :: what == repoll -> waker[node] = current[node]; goto p_pending :: else fi;
#endif
#ifndef BREAK_Q2
		is_editable(word) -> may_wait();
#endif
		if
		:: has(word, QUEUED) -> seen = word
		:: else -> then = (what == cancel -> WAIT_CANCEL : WAIT_POLL); goto p_wait_outcome
		fi
	}
p_lock_for_owner:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else -> seen = 0; goto p_lock_wait
		fi
	}
p_edit:
	d_step {
		if
		:: !is_queued(node) -> then = (what == cancel -> WAIT_CANCEL : WAIT_POLL)
		:: is_queued(node) && what == cancel -> unlink(node); then = REMOVED
		:: else -> waker[node] = current[node]; then = PENDING
		fi
	}
#ifdef BREAK_F3_LOOK
	goto p_unlock;
#else
	goto p_claim;
#endif

	/* -- RawAcquire::drop, cancel -- */
p_cancel:
	atomic {
#ifdef BREAK_A2
		free(); goto p_next;
#endif
		if
		:: has_outcome(node) -> then = WAIT_CANCEL; goto p_wait_outcome
		:: else -> goto p_lock_wait
		fi
	}

	/* -- wait_for_outcome, wait_for_peek; then the owner frees the node -- */
p_wait_outcome:
	atomic {
		has_outcome(node) ->
		may_wait();
		if
		:: has(prev[node], PEEKED) -> skip
		:: else -> goto p_take_outcome
		fi
	}
p_wait_peek:
#ifndef BREAK_N6
	!has(word, PEEKED);
#endif

p_take_outcome:
	atomic {
		take_outcome();
		if
		:: then == WAIT_CANCEL && n > 0 -> what = release_all; then = DONE; goto p_release_hint
		:: else -> goto p_next
		fi
	}

	/* -- release -- */
p_release:
	atomic {
		n = held[_pid];
		if :: n == 0 -> goto p_next :: else fi
	}
p_release_hint:
#ifdef BREAK_F6_WAIT
	atomic { !has(word, LOCKED) -> may_wait() }
#endif
	atomic { if :: has(word, QUEUED) -> goto p_update_load :: else fi }
p_fetch_add:
	atomic {
		held[_pid] = held[_pid] - n;
		seen = word;
		word = plus(word, n);
		n = 0;
		check();
		if :: has(seen, QUEUED) -> seen = 0; goto p_look :: else -> goto p_next fi
	}

	/* -- update: release_slow, add, close -- */
p_update_load:
	seen = word;
p_update:
	atomic {
		if
		:: word == seen ->
			if
			:: what == close -> seen = seen | CLOSED
			:: what == add -> seen = plus(seen, n); total = total + n
			:: else -> seen = plus(seen, n); held[_pid] = held[_pid] - n
			fi;
			n = 0;
			if
#ifdef BREAK_F3_CLOSE
			:: what != close && has(word, QUEUED) && !has(word, LOCKED) ->
#else
			:: has(word, QUEUED) && !has(word, LOCKED) ->
#endif
				seen = locked(seen); word = seen; lock_taken(); check(); goto p_claim
			:: else -> word = seen; check(); goto p_next
			fi
		:: else -> seen = word; goto p_update
		fi
	}

	/* -- try_lock_to_serve -- */
p_look:
	atomic {
		if
		:: has(word, QUEUED) && !has(word, LOCKED) -> seen = word
		:: else -> goto p_then
		fi
	}
p_lock_to_serve:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else ->
			if
			:: has(word, QUEUED) && !has(word, LOCKED) -> seen = word; goto p_lock_to_serve
			:: else -> seen = 0; goto p_then
			fi
		fi
	}

	/* -- unlock, claim_and_unlock -- */
p_claim:
	atomic {
		if
		:: count < CAPACITY && is_servable(minus(seen, sum))
		:: else -> goto p_unlock
		fi
	}
	edits {
		n = share_of_front(minus(seen, sum));
		i = front;
		assert(order?[eval(i)]); order?eval(i);  /* claims are in the order of enqueueing */
		if
		:: prev[i] == i -> front = 0
		:: else ->
			prev[next[i]] = prev[i];
			next[prev[i]] = next[prev[i]] - 1;
			front = next[i]
		fi;
		amount[i] = n;
#ifdef BREAK_F5_EARLY
		prev[i] = GRANTED; granted[i] = n; promised[i] = true;
#else
		prev[i] = CLAIMED;
#endif
		if :: count == 0 -> first = i :: else fi;
		count++; sum = sum + n; n = 0; i = 0
	}
	goto p_claim;
p_unlock:
	atomic {
#ifdef BREAK_F4
		count == 0 || waker_may_go_on;
#endif
		if
#ifdef BREAK_F3
		:: true ->
#else
		:: word == seen ->
#endif
#ifndef BREAK_F3_BATCH
			again = (count == CAPACITY && is_servable(minus(seen, sum)));
#endif
			check_links();
#ifndef BREAK_F5
			if :: has(word, CLOSED) -> sum = 0 :: else fi;
#endif
			word = minus(word, sum) & ~LOCKED;
#ifndef BREAK_F2
			if :: front == 0 -> word = word & ~QUEUED :: else fi;
#endif
			assert(sum == 0 || permits(word) >= 0);  /* never more than there are */
			in_flight[_pid] = sum;
			x = first; i = 0;
			do
			:: i < count ->
				promised[x] = !has(word, CLOSED);
#ifdef BREAK_WAKE
				wake(waker[x]);
#endif
				x = next[x]; i++
			:: else -> break
			od;
			x = 0; i = 0;
			holders--;
			check();
			unlocked = word & FLAGS; sum = 0; seen = 0;
			if :: count > 0 -> goto p_complete :: else -> goto p_then fi
#ifndef BREAK_F3
		:: else -> seen = word; goto p_claim
#endif
		fi
	}

	/* -- complete_next, wake_all, Serving::finish -- */
p_complete:
	atomic {
#ifdef BREAK_F4_BATCH
		wake1 == 0 || waker_may_go_on;
#endif
		d_step {
			touch(first);
			i = first;
			count--;
#ifndef BREAK_N3
			if :: count > 0 -> first = next[i] :: else -> first = 0 fi;
#endif
#ifdef BREAK_F5_LATE
			unlocked = word & FLAGS;
#endif
#ifndef BREAK_WAKE
			if :: wake1 == 0 -> wake1 = waker[i] :: else -> wake2 = waker[i] fi;
#endif
			assert(promised[i] == !has(unlocked, CLOSED));
			prev[i] = GRANTED + unlocked;
			if
			:: !has(unlocked, CLOSED) -> granted[i] = amount[i]; in_flight[_pid] = in_flight[_pid] - amount[i]
			:: else
			fi;
			i = 0
		};
#ifndef BREAK_N3
		if :: count > 0 -> goto p_complete :: else fi
	}
#else
		if :: count == 0 -> first = 0; goto p_wake :: else fi
	}
	atomic { touch(first); first = next[first]; goto p_complete }
#endif
p_wake:
	atomic {
		waker_may_go_on ->
		unlocked = 0;
		wake(wake1);
		wake1 = wake2; wake2 = 0;
		assert(in_flight[_pid] == 0);
		if :: wake1 != 0 -> goto p_wake :: else fi;
		if :: again -> again = false; goto p_look :: else fi
	}

p_then:
	if
	:: then == DONE -> goto p_next
	:: then == PENDING -> goto p_outcome
	:: then == WAIT_POLL || then == WAIT_CANCEL -> goto p_wait_outcome
	:: then == REMOVED -> d_step { free() }; goto p_next
	fi;

	/* -- forget, reduce -- */
p_take_away_wait:
	atomic {
#ifndef BREAK_F6
		!has(word, LOCKED) ->
#endif
		seen = word;
		n = least;
		if
		:: what == forget -> n = at_most(n, (permits(seen) > 0 -> permits(seen) : 0))
		:: else
		fi;
		if :: n == 0 -> goto p_next :: else fi
	}
p_take_away:
	atomic {
		if
		:: word == seen ->
			word = minus(word, n); total = total - n;
			assert(what == reduce || permits(word) >= 0);  /* forget takes only available permits */
			check(); goto p_next
		:: else -> goto p_take_away_wait
		fi
	}

	/* -- peek -- */
p_peek_wait:
	atomic {
		is_editable(word) ->
		if :: has(word, QUEUED) -> seen = word :: else -> goto p_next fi
	}
p_peek:
	atomic {
		if
		:: word == seen -> word = word | PEEKED; seen = 0; n = len(order); check()
		:: else -> seen = 0; goto p_peek_wait
		fi
	}
p_read_front:
	atomic {
		first = front;
		if :: first == 0 -> goto p_end_peek :: else fi
	}
p_read_back:
	atomic {
		touch(first);
		count = prev[first];
		if :: count >= GRANTED -> count = 0; first = 0; goto p_read_front :: else fi
	}
p_read_length:
	atomic {
		touch(count);
		i = next[count];
		assert(i > LENGTH && i <= LENGTH + n && i >= LENGTH + len(order));
		i = 0
	}
p_read_min:
	touch(first);
p_end_peek:
	atomic { word = word & ~PEEKED; check(); goto p_next }

p_end:
	skip
}

/* ---- Liveness, under weak fairness ---- */

/* The thread is not in the middle of an operation, or its request is queued. */
#define is_idle(t) (thread[t]@p_next || thread[t]@p_pending || thread[t]@p_end)

#if defined(SERVED) && defined(IF_OPERATIONS_END)
/* If no thread retries or waits without end, the request of this node completes once it is queued. As an automaton of the runs
   that break it, because Spin takes a minute to translate the formula:
   ([] <> is_idle(0) && [] <> is_idle(1) && [] <> is_idle(2)) -> [] (alive[SERVED] -> <> !alive[SERVED]) */
never served {
start:
	if
	:: true -> goto start
	:: alive[SERVED] -> goto until_0
	fi;
until_0:
	if :: alive[SERVED] && !is_idle(0) -> goto until_0 :: alive[SERVED] && is_idle(0) -> goto until_1 fi;
until_1:
	if :: alive[SERVED] && !is_idle(1) -> goto until_1 :: alive[SERVED] && is_idle(1) -> goto until_2 fi;
until_2:
	if :: alive[SERVED] && !is_idle(2) -> goto until_2 :: alive[SERVED] && is_idle(2) -> goto accept fi;
accept:
	if :: alive[SERVED] -> goto until_0 fi
}
#elif defined(QUEUED_AGAIN)
/* A control: the runs in which no thread retries or waits without end, and the request of this node is queued again and again.
   Without such a run, the property above would say nothing. */
never queued_again {
until_0:
	if :: !is_idle(0) -> goto until_0 :: is_idle(0) -> goto until_1 fi;
until_1:
	if :: !is_idle(1) -> goto until_1 :: is_idle(1) -> goto until_2 fi;
until_2:
	if :: !is_idle(2) -> goto until_2 :: is_idle(2) -> goto until_queued fi;
until_queued:
	if :: !alive[QUEUED_AGAIN] -> goto until_queued :: alive[QUEUED_AGAIN] -> goto accept fi;
accept:
	if :: true -> goto until_0 fi
}
#elif defined(SERVED)
/* The request of this node completes once it is queued. */
ltl served { [] (alive[SERVED] -> <> !alive[SERVED]) }
#elif defined(ENDS)
/* This operation of this thread ends. */
#define is_doing (thread[THREAD]:what == ENDS)
ltl ends { [] (is_doing -> <> !is_doing) }
#endif
