/*
 * The protocol of src/raw/ for Spin. Each label p_... is one step: one atomic access, or one edit of the queue by the lock
 * holder. What a thread does between two accesses is part of the step before.
 *
 * Spin explores every interleaving of a few threads, under sequential consistency. In the configuration MATRIX each thread
 * first picks one of the programs below, so one search covers every combination of them. `scripts/proof` compiles
 * the configurations, and plants the changes BREAK_... .
 */

/* ---- The state word, as in state.rs: permits above four flags. ---- */

#define QUEUED  1
#define LOCKED  2
#define RECHECK 4
#define CLOSED  8

#define has(w, flags)   (((w) & (flags)) != 0)
#define permits(w)      ((w) >> 4)
#define plus(w, n)      ((w) + ((n) << 4))
#define minus(w, n)     ((w) - ((n) << 4))
#define locked(w)       ((w) | LOCKED | QUEUED)
#define must_serve(w)   (((w) & (QUEUED | LOCKED)) == QUEUED)
#define recheck(w)      ((w) | (has(w, LOCKED) -> RECHECK : 0))
#define available(w)    (permits(w) < 0 -> 0 : permits(w))
#define at_most(a, b)   ((a) < (b) -> (a) : (b))

/* What a node needs, as a minimum: a request for all permits. Its maximum is the same number. */
#define ALL 15

/* The phase of a node. 0: free. */
#define IN_QUEUE 1
#define CLAIMED  2
#define GRANTED  3
#define FAILED   4

#define has_outcome(n)  (phase[n] >= GRANTED)

/* As under loom. */

/*
 * ---- PROGRAMS ----
 *
 * op(program, number, operation, a, b): the operations of a program, in order.
 *
 *   acquire a b     polls until the request for a to b permits, or for ALL, completes
 *   repoll a b      the same; may be polled once with another waker while it is pending
 *   cancel a b      the same; may be cancelled at any time while it is pending
 *   bounded a b     the same, for exactly a permits; fails if b or more requests are queued
 *   try a b         takes a to b permits, or ALL, or fails
 *   release_all     releases what the thread has acquired, if anything
 *   forget_all      forgets what the thread has acquired, if anything (Permit::forget)
 *   add a, add_up_to a b, forget a, reduce a, set_limit a, close
 *   repeat          starts the program again
 */

mtype = { acquire, repoll, cancel, bounded, try, release_all, forget_all, add, add_up_to, forget, reduce, set_limit,
	close, repeat, end };

#define op(p, i, operation, a, b) :: program == p && k == i -> what = operation; least = a; most = b

#if defined(MATRIX)
/* How many threads make a request: FIRST_OTHER, 1 or 2. */
#ifndef FIRST_OTHER
#define FIRST_OTHER 1
#endif
/* Requests. */
#define REQUESTS 7
#define PROGRAMS_OF_REQUESTS \
	op(0, 0, acquire, 2, 2)    op(0, 1, release_all, 0, 0) \
	op(1, 0, acquire, 1, 2)    op(1, 1, release_all, 0, 0) \
	op(2, 0, acquire, ALL, ALL) op(2, 1, release_all, 0, 0) \
	op(3, 0, cancel, 1, 2)     op(3, 1, release_all, 0, 0) \
	op(4, 0, cancel, ALL, ALL) op(4, 1, release_all, 0, 0) \
	op(5, 0, repoll, 1, 1)     op(5, 1, release_all, 0, 0) \
	op(6, 0, bounded, 1, 1)    op(6, 1, release_all, 0, 0)
/* What happens beside them. */
#define OTHERS 10
#define PROGRAMS_OF_OTHERS \
	op(7, 0, acquire, 1, 1)    op(7, 1, release_all, 0, 0) \
	op(8, 0, try, 1, 2)        op(8, 1, release_all, 0, 0) \
	op(9, 0, try, ALL, ALL)    op(9, 1, release_all, 0, 0) \
	op(10, 0, acquire, 1, 1)   op(10, 1, forget_all, 0, 0) \
	op(11, 0, close, 0, 0) \
	op(12, 0, try, 1, 1)       op(12, 1, add, 1, 0) op(12, 2, release_all, 0, 0) \
	op(13, 0, add_up_to, 2, 2) \
	op(14, 0, add, 2, 0)       op(14, 1, forget, 2, 0) \
	op(15, 0, reduce, 1, 0)    op(15, 1, add, 1, 0) \
	op(16, 0, set_limit, 1, 0) op(16, 1, release_all, 0, 0)
#define PROGRAM PROGRAMS_OF_REQUESTS PROGRAMS_OF_OTHERS
#elif defined(SEVERAL) /* several requests to serve, and wakers that wait for the semaphore */
#define THREADS 4
#define FOREIGN
#define PROGRAM \
	op(0, 0, acquire, 1, 1) \
	op(1, 0, try, 1, 1) op(1, 1, release_all, 0, 0) op(1, 2, acquire, 1, 1) \
	op(2, 0, acquire, 1, 2) op(2, 1, release_all, 0, 0) \
	op(3, 0, add, 3, 0)
#elif defined(LONGER) /* each thread makes two requests */
#define PROGRAM \
	op(0, 0, acquire, 1, 1) op(0, 1, release_all, 0, 0) op(0, 2, cancel, 2, 2) op(0, 3, release_all, 0, 0) \
	op(1, 0, cancel, 2, 2)  op(1, 1, release_all, 0, 0) op(1, 2, acquire, 1, 1) op(1, 3, release_all, 0, 0) \
	op(2, 0, acquire, 1, 2) op(2, 1, release_all, 0, 0) op(2, 2, acquire, ALL, ALL) op(2, 3, release_all, 0, 0)
#elif defined(LIVE_QUEUE) /* endless: acquire and release, weights 1 and 2 */
#define LIVE
#define PROGRAM \
	op(0, 0, acquire, 2, 2) op(0, 1, release_all, 0, 0) op(0, 2, repeat, 0, 0) \
	op(1, 0, acquire, 1, 1) op(1, 1, release_all, 0, 0) op(1, 2, repeat, 0, 0) \
	op(2, 0, acquire, 1, 1) op(2, 1, release_all, 0, 0) op(2, 2, repeat, 0, 0)
#elif defined(LIVE_ALL) /* endless: acquire and release, all permits and one */
#define LIVE
#define PROGRAM \
	op(0, 0, acquire, ALL, ALL) op(0, 1, release_all, 0, 0) op(0, 2, repeat, 0, 0) \
	op(1, 0, acquire, 1, 1) op(1, 1, release_all, 0, 0) op(1, 2, repeat, 0, 0) \
	op(2, 0, acquire, 1, 1) op(2, 1, release_all, 0, 0) op(2, 2, repeat, 0, 0)
#elif defined(LIVE_MIXED) /* endless: acquire and release; cancel; reduce and add */
#define LIVE
#define PROGRAM \
	op(0, 0, acquire, 2, 2) op(0, 1, release_all, 0, 0) op(0, 2, repeat, 0, 0) \
	op(1, 0, cancel, 1, 2) op(1, 1, release_all, 0, 0) op(1, 2, repeat, 0, 0) \
	op(2, 0, reduce, 1, 0) op(2, 1, add, 1, 0) op(2, 2, repeat, 0, 0)
#elif defined(LIVE_LIMIT) /* endless: acquire and release all permits; set the limit */
#define LIVE
#define PROGRAM \
	op(0, 0, acquire, ALL, ALL) op(0, 1, release_all, 0, 0) op(0, 2, repeat, 0, 0) \
	op(1, 0, acquire, 1, 1) op(1, 1, release_all, 0, 0) op(1, 2, repeat, 0, 0) \
	op(2, 0, set_limit, 1, 0) op(2, 1, set_limit, 2, 0) op(2, 2, repeat, 0, 0)
#elif defined(LIVE_CLOSE) /* endless: acquire and release; close once */
#define LIVE
#define PROGRAM \
	op(0, 0, acquire, 1, 1) op(0, 1, release_all, 0, 0) op(0, 2, repeat, 0, 0) \
	op(1, 0, try, 1, 1) op(1, 1, release_all, 0, 0) op(1, 2, repeat, 0, 0) \
	op(2, 0, close, 0, 0)
#else
#error choose a configuration
#endif

#ifndef THREADS
#define THREADS 3
#endif
#ifndef CREATED
#define CREATED 2
#endif

/* ---- The semaphore and the memory of the nodes. Node 0 is the null pointer. ---- */

/* A thread that repeats its program uses one node again and again, else each request has its own. */
#ifdef LONGER
#define NODES (2 * THREADS + 1)
#define new_node (_pid + 1 + (k > 2 -> THREADS : 0))
#else
#define NODES (THREADS + 1)
#define new_node (_pid + 1)
#endif

short word = CREATED << 4;
short limit = CREATED;
byte front, length, needed;
byte phase[NODES], prev[NODES], next[NODES];
byte nmin[NODES], nmax[NODES];
byte outcome[NODES];    /* the permits of a stored outcome */
byte waker[NODES];      /* 2 * node + variant */

/* ---- Tasks. Waking a waker that the task has replaced since does not wake the task. ---- */

byte current[NODES];    /* the waker with which the task was last polled */
bool woken[NODES];

/* ---- Ghosts: what the properties are about. The protocol does not read them. ---- */

#define NOTHING 31
bool alive[NODES];              /* the node was enqueued, and is not freed */
byte promised[NODES];           /* the permits of its claim, once they have left the word; NOTHING: it must fail */
byte granted[NODES];            /* permits of a stored outcome that its owner has not taken */
byte held[THREADS];             /* permits of callers */
byte in_flight[THREADS];        /* permits that have left the word for claims without an outcome */
byte slack[THREADS];            /* how far a change in progress keeps the limit above the permits that exist (F7) */
chan order = [NODES] of { byte };  /* the queued and the provisionally claimed nodes in the order of enqueueing */
byte holders;                   /* threads that hold the queue lock */
#ifdef MATRIX
byte picked, last_program;
#endif

#if THREADS == 4
#define SUM(a) (a[0] + a[1] + a[2] + a[3])
#else
#define SUM(a) (a[0] + a[1] + a[2])
#endif
#if THREADS == 4
#define SUM_NODES (granted[1] + granted[2] + granted[3] + granted[4])
#elif defined(LONGER)
#define SUM_NODES (granted[1] + granted[2] + granted[3] + granted[4] + granted[5] + granted[6])
#else
#define SUM_NODES (granted[1] + granted[2] + granted[3])
#endif
#define USED (SUM(held) + SUM(in_flight) + SUM_NODES)

/* Conservation and F7; F2; LOCKED is the lock (Q2). After each change of the word or the limit. */
inline check() {
	assert(permits(word) + USED + SUM(slack) == limit);
	assert(has(word, LOCKED) || has(word, QUEUED) == (len(order) > 0));
	assert(!has(word, RECHECK) || has(word, LOCKED));
	assert(holders == (has(word, LOCKED) -> 1 : 0))
}

/* An access to a node by a thread that is not its owner. */
inline touch(n) { assert(alive[n]) }

/* A new request takes n permits without being queued. */
inline take(n) {
	assert(n == 0 || len(order) == 0 && permits(word) >= 0);  /* F1; never more than there are */
	assert(least == ALL || n >= least && n <= most);
	assert(least != ALL || USED == 0);                        /* exclusive */
	held[_pid] = held[_pid] + n;
	check()
}

/* A release, a try, a close and a change of the number of permits never wait (F6). */
#define is_request (what == acquire || what == repoll || what == cancel || what == bounded)
inline may_wait() { assert(is_request) }

inline lock_taken() { holders++; assert(holders == 1) }

/* The queue is a list as Q3 says, with its length and what its front needs. */
inline check_links() {
	assert((front == 0) == (len(order) == count) && length == len(order) - count);
	assert(needed == (front == 0 -> 0 : nmin[front]));
	if
	:: front != 0 ->
		x = front; i = 1;
		do
		:: x != prev[front] ->
			assert(alive[x] && phase[x] == IN_QUEUE && prev[next[x]] == (next[x] == front -> prev[front] : x));
			x = next[x]; i++
		:: else -> break
		od;
		assert(alive[x] && phase[x] == IN_QUEUE && i == length);
		x = 0; i = 0
	:: else
	fi
}

inline set_front(n) { front = n; needed = nmin[n] }
inline set_empty() { front = 0; needed = 0 }

inline push_back(n) {
	if
	:: front == 0 -> prev[n] = n; set_front(n)
	:: else -> prev[n] = prev[front]; next[prev[front]] = n; prev[front] = n
	fi;
	length++;
	phase[n] = IN_QUEUE;
	order!n
}

inline unlink(n) {
	x = prev[front];  /* the back */
	if
	:: n == front && n == x -> set_empty()
	:: n == front && n != x -> prev[next[n]] = x; set_front(next[n])
	:: n != front && n == x -> prev[front] = prev[n]
	:: else -> next[prev[n]] = next[n]; prev[next[n]] = prev[n]
	fi;
	x = 0;
#ifndef BREAK_Q3
	length--;
#endif
	order??eval(n)
}

/* The owner frees a node. */
inline free() {
	alive[node] = false; phase[node] = 0; prev[node] = 0; next[node] = 0; nmin[node] = 0; nmax[node] = 0; waker[node] = 0;
	current[node] = 0; woken[node] = false; promised[node] = 0; outcome[node] = 0; node = 0
}

/* The owner takes the outcome of its node and may free it. A promised grant is a grant (F5, it survives close). */
inline take_outcome() {
	n = outcome[node];
	assert(phase[node] == GRANTED -> promised[node] == n : promised[node] == NOTHING && n == 0);
	assert(phase[node] == FAILED || least == ALL || n >= least && n <= most);  /* what was asked for */
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

/* The front can complete with what the word w holds; and how many permits it takes then. Reads the limit if it is for ALL. */
#define fits(w, n) (has(w, CLOSED) || (nmin[n] == ALL -> permits(w) >= limit : permits(w) >= nmin[n]))
#define is_servable(w) (front != 0 && fits(w, front))
#define share(w, n) (has(w, CLOSED) -> 0 : (nmin[n] == ALL -> available(w) : at_most(available(w), nmax[n])))

#ifdef FOREIGN
/* Foreign code in a waker may wait for all that dropping another future waits for. */
#define none_claimed (phase[1] != CLAIMED && phase[2] != CLAIMED && phase[3] != CLAIMED && phase[4] != CLAIMED)
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
#define NOT_ALL      5  /* `take_all` has not got its permits: a try fails, a request is queued */
#define ASLEEP       6  /* stay pending */

active [THREADS] proctype thread() {
	byte program = _pid;
	byte k;                  /* the number of the next operation */
	mtype what = end;
	byte least, most;        /* the request */
	byte n;                  /* permits to take, release, add, forget or reduce */
	byte node;               /* the node of the request */
	short seen;              /* the state that this thread goes by */
	byte first, count, sum;  /* the claimed node, 1 if there is one, and its permits */
	bool again;              /* the next request can complete, too */
	byte wake1;              /* the waker to call */
	byte then;               /* a continuation */
	bool repolled;
	bool lowered;            /* `add_up_to` has lowered the limit */
	short old;               /* the limit that this thread goes by */
	byte moved;              /* by how much the word was lowered, or the limit raised */
	byte x, i;

#ifdef MATRIX
	/* Thread 0 makes a request, thread 2 does something else, and thread 1 one of both. Each combination is picked once. */
	atomic {
		picked == _pid;
#ifdef P0
		/* one combination, which finds a planted change soon */
		program = (_pid == 0 -> P0 : (_pid == 1 -> P1 : P2));
#else
		program = (_pid == FIRST_OTHER && last_program < REQUESTS -> REQUESTS : last_program);
		do
		:: program < (_pid < FIRST_OTHER -> REQUESTS : REQUESTS + OTHERS) - 1 -> program++
		:: break
		od;
#endif
		last_program = program;
		picked++;
		if :: picked == THREADS -> last_program = 0 :: else fi
	}
	picked == THREADS;
#endif

p_next:
	atomic {
		d_step {
			what = end; least = 0; most = 0; n = 0; seen = 0; first = 0; count = 0; sum = 0;
			again = false; then = DONE; repolled = false; lowered = false; old = 0; moved = 0;
			if PROGRAM :: else fi;
			k++
		}
		if
		:: is_request || what == try ->
			if :: what == bounded -> count = most; most = least :: else fi;  /* count: max_waiters, until the push */
			if :: least == ALL -> goto p_all_state :: least != ALL && least == most -> goto p_fast_load :: else -> goto p_state fi
		:: what == release_all -> goto p_release
		:: what == forget_all -> goto p_forget_all
		:: what == close -> goto p_update_load
		:: what == add || what == reduce || what == set_limit -> goto p_limit_load
		:: what == add_up_to -> goto p_update_load
		:: what == forget -> goto p_forget_load
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
			n = at_most(available(seen), most);
			if :: n == 0 -> goto p_next :: else -> goto p_take fi
		:: else
		fi;
		if
		:: what == try ->
			assert(permits(seen) < least || len(order) > 0 || has(seen, LOCKED));
			goto p_next
		:: else -> goto p_must_wait
		fi
	}
p_take:
	atomic {
		if
		:: word == seen -> word = minus(word, n); take(n); goto p_next
		:: else -> n = 0; seen = 0; goto p_state
		fi
	}

	/* -- take_all -- */
p_all_state:
	atomic {
		if
		:: has(word, CLOSED) -> goto p_next
		:: else -> seen = word
		fi;
		if
		:: must_queue(seen) -> if :: what == try -> goto p_next :: else -> goto p_state fi
		:: else
		fi
	}
p_all_limit:
	atomic {
		if
		:: permits(seen) >= limit ->
#ifdef BREAK_F7_LOCK
			n = available(seen); goto p_take
#endif
		:: else -> if :: what == try -> goto p_next :: else -> goto p_state fi
		fi
	}
p_lock_for_all:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else -> seen = 0; goto p_all_state
		fi
	}
p_all_look:
	atomic {
		if
		:: !has(seen, CLOSED) && permits(seen) >= limit -> n = available(seen)
		:: else -> then = NOT_ALL; goto p_claim
		fi
	}
p_all_unlock:
	atomic {
		if
		:: word == seen ->
			assert(front == 0);
			word = minus(word, n) & ~(LOCKED | QUEUED);
			holders--;
			take(n); goto p_next
		:: else -> n = 0; seen = word; if :: has(seen, RECHECK) :: else -> goto p_all_look fi
		fi
	}
p_all_begin_recheck:
	atomic { word = word & ~RECHECK; seen = word; goto p_all_look }

	/* -- poll_new, try_lock_to_enqueue -- */
p_must_wait:
	atomic {
		if
		:: what == bounded && count == 0 -> goto p_next
		:: else -> if :: has(seen, LOCKED) -> seen = 0; goto p_wait_for_unlock :: else fi
		fi
	}
p_lock_to_enqueue:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else -> seen = 0; goto p_wait_for_unlock
		fi
	}
p_push:
	d_step {
		if
		:: what == bounded && length >= count -> assert(len(order) >= count); then = DONE
		:: else ->
			node = new_node;
			alive[node] = true; nmin[node] = least; nmax[node] = most;
			waker[node] = 2 * node; current[node] = 2 * node;
			push_back(node);
			assert(what != bounded || len(order) <= count);
			then = ASLEEP
		fi;
		i = 0; count = 0
	}
	goto p_claim;
p_wait_for_unlock:
	atomic { !has(word, LOCKED) -> may_wait(); goto p_state }

	/* -- A task that is pending: it sleeps, polls again, or cancels -- */
p_pending:
	if
	:: atomic { woken[node] -> woken[node] = false; goto p_outcome }
	:: atomic { what == repoll && !repolled -> repolled = true; current[node] = 2 * node + 1; goto p_outcome }
	:: atomic { what == cancel -> goto p_cancel }
#ifndef LIVE
	/* No other thread can take a step: no wake-up was lost, and all permits are where they should be. */
	:: atomic { timeout ->
		assert(phase[node] == IN_QUEUE && must_serve(word) && !is_servable(word) && SUM(slack) == 0);
		goto p_end }
#endif
	fi;

	/* -- poll_slow, poll_outcome -- */
p_outcome:
	atomic {
		if
		:: has_outcome(node) -> take_outcome(); goto p_next
		:: !has_outcome(node) && waker[node] != current[node] -> goto p_lock_wait
		:: else -> goto p_pending
		fi
	}

	/* -- WaitQueue::lock, for replace_waker and cancel -- */
p_lock_wait:
	atomic {
#ifdef BREAK_Q5
		if :: what == repoll -> waker[node] = current[node]; goto p_pending :: else fi;
#endif
#ifndef BREAK_Q2
		!has(word, LOCKED) -> may_wait();
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
		:: phase[node] != IN_QUEUE -> then = (what == cancel -> WAIT_CANCEL : WAIT_POLL)
		:: phase[node] == IN_QUEUE && what == cancel -> unlink(node); then = REMOVED
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

	/* -- wait_for_outcome; then the owner frees the node -- */
p_wait_outcome:
	atomic {
		has_outcome(node) ->
		may_wait();
		take_outcome();
		if
#ifdef BREAK_CANCEL
		:: then == WAIT_CANCEL && n > 0 -> held[_pid] = held[_pid] - n; check(); goto p_next
#else
		:: then == WAIT_CANCEL && n > 0 -> what = release_all; then = DONE; goto p_release_hint
#endif
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

	/* -- forget_held: Permit::forget -- */
p_forget_all:
	atomic {
		n = held[_pid];
		if :: n == 0 -> goto p_next :: else fi
	}
p_forget_held:
	atomic {
		limit = limit - n; held[_pid] = held[_pid] - n; n = 0;
		check();
		goto p_recheck
	}

	/* -- update: hand_off (a release, or the word's part of an addition), add_up_to, close -- */
p_update_load:
	seen = word;
p_update_limit:
	/* add_up_to raises the limit before each attempt */
	if
	:: atomic { what == add_up_to ->
		n = (permits(seen) < most -> most - permits(seen) : 0);
		n = at_most(n, least);
		if :: n == 0 -> seen = 0; goto p_added :: else fi;
		limit = limit + n; slack[_pid] = n;
		check() }
	:: atomic { what != add_up_to }
	fi;
p_update:
	atomic {
		if
		:: word == seen ->
			if
			:: what == close -> seen = seen | CLOSED
			:: what == release_all -> seen = plus(seen, n); held[_pid] = held[_pid] - n
			:: else -> seen = plus(seen, n);
				slack[_pid] = slack[_pid] - n
			fi;
			n = 0;
			if
#ifdef BREAK_F3_CLOSE
			:: what != close && must_serve(word) ->
#else
			:: must_serve(word) ->
#endif
				seen = locked(seen); word = seen; lock_taken(); check(); goto p_claim
			:: else -> word = seen; check(); goto p_next
			fi
		:: else ->
			seen = word;
			if :: what == add_up_to -> goto p_lower_again :: else -> goto p_update fi
		fi
	}
p_lower_again:
	atomic { limit = limit - n; slack[_pid] = 0; n = 0; lowered = true; check(); goto p_update_limit }
p_added:
	if
	:: atomic { lowered -> lowered = false; goto p_recheck }
	:: atomic { !lowered -> goto p_next }
	fi;

	/* -- recheck -- */
p_recheck:
	atomic {
		moved = 0;
#ifdef BREAK_F7_RECHECK
		goto p_next;
#endif
		seen = word
	}
p_recheck_change:
	atomic {
		if
		:: word == seen ->
			if
			:: must_serve(word) -> seen = locked(seen); word = seen; lock_taken(); check(); goto p_claim
			:: else ->
#ifndef BREAK_RECHECK_LOCKED
				word = recheck(word);
#endif
				goto p_next
			fi
		:: else -> seen = word; goto p_recheck_change
		fi
	}

	/* -- change_limit: add, reduce, set_limit -- */
p_limit_load:
	atomic { old = limit; i = 0 }
p_lower_load:
	atomic {
		/* n: what the word still has to be lowered by */
		x = (what == add || what == set_limit && least >= old -> 0 : (what == reduce -> least : old - least));
		if
#ifdef BREAK_F7_ORDER
		:: true -> goto p_limit
#else
		:: x <= moved -> goto p_limit
#endif
		:: else -> seen = word
		fi
	}
p_lower:
	atomic {
		if
		:: word == seen ->
			n = x - moved;
			word = minus(word, n);
#ifndef BREAK_F6_RECHECK
			word = recheck(word);
#endif
			slack[_pid] = slack[_pid] + n; moved = x; n = 0;
			check()
		:: else -> goto p_lower_load
		fi
	}
p_limit:
	atomic {
		x = 0;
		if
		:: limit == old ->
			limit = (what == add -> old + least : (what == reduce -> old - least : least));
			assert(moved + limit >= old);  /* F7 */
			n = moved + limit - old;
			lowered = (limit < old);
			slack[_pid] = n; moved = 0;
			check();
			if
			:: n == 0 && lowered -> lowered = false; goto p_recheck
			:: n == 0 && !lowered -> goto p_next
			:: else -> lowered = false; goto p_update_load
			fi
		:: else -> old = limit; goto p_lower_load
		fi
	}

	/* -- forget -- */
p_forget_load:
	atomic {
		seen = word;
		n = at_most(available(seen), least);
		if :: n == 0 -> goto p_next :: else fi
	}
p_forget_take:
	atomic {
		if
		:: word == seen ->
			word = minus(word, n);
#ifndef BREAK_F6_RECHECK
			word = recheck(word);
#endif
			assert(permits(word) >= 0);  /* forget takes only available permits */
			slack[_pid] = slack[_pid] + n;
			check()
		:: else -> goto p_forget_load
		fi
	}
p_forget_limit:
	atomic { limit = limit - n; slack[_pid] = slack[_pid] - n; n = 0; check(); goto p_recheck }

	/* -- try_lock_to_serve -- */
p_look:
	atomic {
		if
		:: must_serve(word) -> seen = word
		:: else -> goto p_then
		fi
	}
p_lock_to_serve:
	atomic {
		if
		:: word == seen -> seen = locked(seen); word = seen; lock_taken(); check()
		:: else ->
			if
			:: must_serve(word) -> seen = word; goto p_lock_to_serve
			:: else -> seen = 0; goto p_then
			fi
		fi
	}

	/* -- unlock, serve_front -- */
p_claim:
	atomic {
		if
		:: count == 0 && is_servable(seen)
		:: else ->
#ifndef BREAK_F3_NEXT
			again = (count == 1 && is_servable(minus(seen, sum)));
#endif
			goto p_unlock
		fi
	}
	d_step {
		sum = share(seen, front);
		first = front;
		if
		:: prev[first] == first -> set_empty()
		:: else -> prev[next[first]] = prev[first]; set_front(next[first])
		fi;
		length--;
		count = 1;
		phase[first] = CLAIMED;
#ifdef BREAK_F5_EARLY
		phase[first] = GRANTED; outcome[first] = sum; granted[first] = sum; promised[first] = sum;
#endif
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
			check_links();
			assert(has(word, CLOSED) || sum == 0 || permits(word) >= sum);  /* never more than there are */
			/* What the claim gets is decided now. It was the front of the queue. */
			n = 0;
			if
			:: count == 1 ->
				assert(order?[eval(first)]);
				order?eval(first);
				if
				:: has(word, CLOSED) -> promised[first] = NOTHING
				:: else ->
					promised[first] = (nmin[first] == ALL -> available(word) : at_most(available(word), nmax[first]));
					assert(nmin[first] != ALL || USED == 0);  /* exclusive */
					n = promised[first]
				fi;
#ifdef BREAK_WAKE
				wake(waker[first]);
#endif
			:: else
			fi;
			in_flight[_pid] = n;
			n = 0;
			old = word;
#ifndef BREAK_F5
			if :: has(word, CLOSED) -> sum = 0 :: else fi;
#endif
			word = minus(word, sum) & ~LOCKED;
#ifndef BREAK_F2
			if :: front == 0 -> word = word & ~QUEUED :: else fi;
#endif
			holders--;
			check();
			sum = 0; seen = 0;
			if :: count == 1 -> goto p_complete :: else -> old = 0; goto p_then fi
		:: else -> seen = word; if :: has(seen, RECHECK) :: else -> goto p_put_back fi
		fi
	}
p_begin_recheck:
	atomic { word = word & ~RECHECK; seen = word }
p_put_back:
	atomic {
		if
		:: count == 0 -> goto p_claim
#ifdef BREAK_PUT_BACK
		:: else -> goto p_claim
#else
#ifdef BREAK_ELASTIC
		:: count == 1 && (permits(seen) >= sum || has(seen, CLOSED)) -> goto p_claim
#endif
		:: else ->
			d_step {
				phase[first] = IN_QUEUE;
				if
				:: front == 0 -> prev[first] = first
				:: else -> prev[first] = prev[front]; prev[front] = first
				fi;
#ifndef BREAK_PUT_BACK_LENGTH
				length++;
#endif
				set_front(first);
				first = 0; count = 0; sum = 0
			}
			goto p_claim
#endif
		fi
	}

	/* -- complete, Serving::finish -- */
p_complete:
	atomic {
		d_step {
			touch(first);
#ifdef BREAK_F5_LATE
			old = word;
#endif
#ifndef BREAK_WAKE
			wake1 = waker[first];
#endif
			if
			:: has(old, CLOSED) -> assert(promised[first] == NOTHING); phase[first] = FAILED
			:: else ->
				n = (nmin[first] == ALL -> available(old) : at_most(available(old), nmax[first]));
				assert(n == promised[first]);
				outcome[first] = n; phase[first] = GRANTED;
				granted[first] = n; in_flight[_pid] = in_flight[_pid] - n; n = 0
			fi;
			count = 0; old = 0
		};
#ifndef BREAK_Q4
		first = 0
#endif
	}
#ifdef BREAK_Q4
	atomic { touch(first); first = 0 }
#endif
p_wake:
	atomic {
		waker_may_go_on ->
		wake(wake1);
		wake1 = 0;
		assert(in_flight[_pid] == 0);
		if :: again -> again = false; goto p_look :: else fi
	}

p_then:
	if
	:: atomic { then == DONE -> goto p_next }
	:: atomic { then == PENDING -> goto p_outcome }
	:: atomic { then == ASLEEP -> goto p_pending }
	:: atomic { then == WAIT_POLL || then == WAIT_CANCEL -> goto p_wait_outcome }
	:: atomic { then == REMOVED -> d_step { free() }; goto p_next }
	:: atomic { then == NOT_ALL -> then = DONE; if :: what == try -> goto p_next :: else -> goto p_state fi }
	fi;

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
