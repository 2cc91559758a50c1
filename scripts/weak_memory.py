"""All executions of a small program that C11 allows, those without an order of causes (load buffering) among them.

A program has threads, which are generators: each yields an access and receives the value that it reads. An execution is a
graph: for each read the write that it reads from, and for each location an order of its writes. `explore` visits every
graph that is consistent: happens-before and coherence as in RC11, a read-modify-write reads its immediate predecessor,
and a release sequence goes on only by read-modify-writes (C++20). RC11 also forbids a cycle of program order and reads-from.
C11 does not, so a load, or a compare-and-swap that fails, may also return a value that is stored later, if the value is one that
an execution stores; with `by_updates` a read-modify-write that succeeds may as well. `promises` is the number of reads of one
execution that do. Not for SeqCst and fences, which this project does not use.
"""

NA, RELAXED, ACQUIRE, RELEASE, ACQREL = "NA", "Relaxed", "Acquire", "Release", "AcqRel"
INIT = (-1, 0)


def load(loc, order):
    return ("load", loc, order)


def store(loc, value, order):
    return ("store", loc, value, order)


def add(loc, change, order):
    """A read-modify-write that cannot fail."""
    return ("add", loc, change, order)


def swap_if(loc, expected, new, order, failure):
    """A strong compare-and-swap. The thread receives the value that it reads; it has succeeded if that is the expected one."""
    return ("cas", loc, expected, new, order, failure)


def read(loc):
    """A read that is not atomic."""
    return ("load", loc, NA)


def write(loc, value):
    return ("store", loc, value, NA)


def wait(loc, until, order):
    """Loads until `until` accepts the value."""
    return ("wait", loc, until, order)


class TooMany(Exception):
    pass


class Discard(Exception):
    """The thread has retried more often than the bound. The execution is not counted."""


class Program:
    def __init__(self, initial, threads, check):
        self.initial, self.threads, self.check = initial, threads, check
        self.memo, self.by_updates = {}, False

    def step(self, t, values):
        """The accesses of a thread that has received these values, and its next one; or its result."""
        if (t, values) in self.memo:
            return self.memo[t, values]
        run, ops, result = self.threads[t](), [], None
        try:
            op = next(run)
            for value in values:
                ops.append(op)
                op = run.send(value)
        except StopIteration as end:
            op, result = None, ("end", end.value)
        except Discard:
            op, result = None, ("discard", None)
        except AssertionError as error:
            op, result = None, ("wrong", str(error))
        self.memo[t, values] = tuple(ops), op, result
        return self.memo[t, values]


class Event:
    __slots__ = "id", "loc", "reads", "writes", "value", "src", "atomic", "acquire", "release", "at"

    def __init__(self, id, op, got, src):
        self.id, self.loc, self.src, self.at = id, op[1], src, None
        kind = op[0]
        self.reads, self.writes, self.value = kind != "store", kind in ("store", "add"), None
        order = op[2] if kind == "load" else op[3]
        if kind == "store":
            self.value = op[2]
        elif kind == "add":
            self.value = op[2](got)
        elif kind == "cas":
            self.writes = got == op[2]
            order = op[4] if self.writes else op[5]
            self.value = op[3] if self.writes else None
        self.atomic = order != NA
        self.acquire = self.reads and order in (ACQUIRE, ACQREL)
        self.release = self.writes and order in (RELEASE, ACQREL)


class Graph:
    """`values` and `sources` of each thread's accesses, and the order of the plain stores of each location."""

    def __init__(self, program, values, sources, stores):
        self.program, self.values, self.sources, self.stores = program, values, sources, stores

    def key(self):
        return self.values, self.sources, tuple(sorted(self.stores.items()))

    def build(self):
        """Computes events, positions and happens-before. Returns whether the graph is consistent."""
        events, index = [], {}
        for t, values in enumerate(self.values):
            ops, _, _ = self.program.step(t, values)
            for i, op in enumerate(ops):
                event = Event((t, i), op, values[i], self.sources[t][i])
                index[event.id] = len(events)
                events.append(event)
        self.events, self.index = events, index
        # The order of the writes of a location: chains of read-modify-writes, which follow from what they read, and plain
        # stores. A chain that begins with a value that is not stored yet is a separate fragment.
        follower = {}
        for event in events:
            if event.reads and event.writes and event.src[0] != "?":
                if (event.loc, event.src) in follower:
                    return False
                follower[event.loc, event.src] = event
        self.place, self.last, self.tails = {}, {}, {}
        for loc in self.program.initial:
            heads = [[INIT]] + [[e.id] for e in events if e.loc == loc and e.reads and e.writes and e.src[0] == "?"]
            for fragment, order in enumerate(heads):
                plain = list(self.stores.get(loc, ())) if fragment == 0 else []
                queue, position = [order[0]] + plain, 0
                for head in queue:
                    id = head
                    while True:
                        self.place[loc, id] = (fragment, position)
                        position += 1
                        tail = id
                        if (loc, id) not in follower:
                            break
                        id = follower[loc, id].id
                self.tails.setdefault(loc, []).append(tail)
                if fragment == 0:
                    self.last[loc] = tail
        if any(event.writes and (event.loc, event.id) not in self.place for event in events):
            return False  # read-modify-writes that read from each other in a circle
        # Happens-before.
        n = len(events)
        before = [0] * n
        for j, event in enumerate(events):
            if event.id[1] > 0:
                before[j] |= 1 << (j - 1)
            if event.acquire:
                src = event.src
                while src != INIT and src[0] != "?":
                    head = events[index[src]]
                    if head.release:
                        before[j] |= 1 << index[src]
                    if not (head.reads and head.writes):
                        break
                    src = head.src
        changed = True
        while changed:
            changed = False
            for j in range(n):
                now, rest = before[j], before[j]
                while rest:
                    low = rest & -rest
                    now |= before[low.bit_length() - 1]
                    rest ^= low
                if now != before[j]:
                    before[j], changed = now, True
        self.before = before
        if any(before[j] >> j & 1 for j in range(n)):
            return False
        # What happens after a read that reads from a later store cannot read or write what is there now.
        for j, event in enumerate(events):
            if event.reads and not event.writes and event.src[0] == "?" and event.loc not in self.stores:
                for i, later in enumerate(events):
                    if before[i] >> j & 1 and later.loc == event.loc:
                        if (self.place.get((event.loc, later.src)) or (1,))[0] == 0:
                            return False
        # Coherence.
        for event in events:
            event.at = (self.place.get((event.loc, event.src)) if event.reads and event.src[0] != "?" else None,
                        self.place.get((event.loc, event.id)) if event.writes else None)
        for j, later in enumerate(events):
            for i, earlier in enumerate(events):
                if before[j] >> i & 1 and earlier.loc == later.loc:
                    for a in earlier.at:
                        if a is None:
                            continue
                        source, own = later.at
                        if own is not None and own[0] == a[0] and own[1] <= a[1]:
                            return False
                        if source is not None and source[0] == a[0]:
                            if source[1] < a[1]:
                                return False
                    # A read before a write reads from an earlier one.
            if later.reads and later.src in index and before[index[later.src]] >> j & 1:
                return False
        return True

    def race(self):
        """Two accesses, one of them a store and one not atomic, that are not ordered."""
        for j, b in enumerate(self.events):
            for i, a in enumerate(self.events[:j]):
                if a.loc == b.loc and (a.writes or b.writes) and not (a.atomic and b.atomic):
                    if a.id[0] != b.id[0] and not (self.before[j] >> i & 1 or self.before[i] >> j & 1):
                        return f"a race on {a.loc}"
        return None

    def has_cycle(self):
        """A cycle of program order and reads-from: no order of the accesses in which each reads what was stored before."""
        n = len(self.events)
        edges = [[] for _ in range(n)]
        for j, event in enumerate(self.events):
            if event.id[1] > 0:
                edges[j - 1].append(j)
            if event.reads and event.src in self.index:
                edges[self.index[event.src]].append(j)
        indegree = [0] * n
        for targets in edges:
            for j in targets:
                indegree[j] += 1
        ready, done = [j for j in range(n) if not indegree[j]], 0
        while ready:
            done += 1
            for j in edges[ready.pop()]:
                indegree[j] -= 1
                if not indegree[j]:
                    ready.append(j)
        return done < n

    def value_at(self, loc, id):
        return self.program.initial[loc] if id == INIT else self.events[self.index[id]].value

    def finals(self):
        return {loc: self.value_at(loc, self.last[loc]) for loc in self.program.initial}


class Result:
    def __init__(self):
        self.executions = {False: 0, True: 0}
        self.outcomes = {False: set(), True: set()}
        self.wrong = {}


def explore(program, promises=1, by_updates=False, limit=1_000_000):
    """Returns all complete executions: how many, what they return, and what is wrong; without and with a cycle."""
    domain = {loc: set() for loc in program.initial}
    program.by_updates = by_updates
    program.memo.clear()
    allowed, result = 0, None
    while True:
        known = {loc: frozenset(values) for loc, values in domain.items()}
        result = explore_once(program, allowed, known, domain, limit)
        if allowed == promises and all(known[loc] == domain[loc] for loc in domain):
            return result
        allowed = promises


def explore_once(program, promises, known, domain, limit):
    result = Result()
    n = len(program.threads)
    start = Graph(program, ((),) * n, ((),) * n, {})
    start.build()
    stack, seen = [(start, promises)], set()
    while stack:
        graph, left = stack.pop()
        key = graph.key()
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > limit:
            raise TooMany
        pending = [e for e in graph.events if e.reads and e.src[0] == "?"]
        moved, waiting = False, False
        for t in range(n):
            _, op, _ = program.step(t, graph.values[t])
            if op is None:
                continue
            nexts = [(after, rest) for after, rest in successors(program, graph, t, op, left, known) if after.build()]
            waiting |= not nexts
            moved |= bool(nexts)
            stack += nexts
        if moved or pending:
            continue
        for event in graph.events:
            if event.writes:
                domain[event.loc].add((event.value, event.id[0], event.release))
        results = [program.step(t, graph.values[t])[2] for t in range(n)]
        if any(r and r[0] == "discard" for r in results):
            continue
        race = graph.race()
        cyclic = graph.has_cycle()
        result.executions[cyclic] += 1
        wrong = race or next((r[1] for r in results if r and r[0] == "wrong"), None)
        finals = graph.finals()
        if not wrong and waiting:
            wrong = "a thread waits without end"
        if not wrong:
            returned = tuple(r[1] for r in results)
            result.outcomes[cyclic].add((returned, tuple(sorted((k, str(v)) for k, v in finals.items()))))
            wrong = program.check(returned, finals)
        if wrong:
            result.wrong.setdefault(wrong, cyclic)
    return result


def extend(graph, t, value, source, stores=None):
    values = graph.values[:t] + (graph.values[t] + (value,),) + graph.values[t + 1:]
    sources = graph.sources[:t] + (graph.sources[t] + (source,),) + graph.sources[t + 1:]
    return Graph(graph.program, values, sources, graph.stores if stores is None else stores)


def bind(graph, loc, id, value, left):
    """The graph in which a read that had promised this value reads from this write, beside the graph itself."""
    yield graph, left
    for t, sources in enumerate(graph.sources):
        for i, source in enumerate(sources):
            if source == ("?", loc, value, id[0]):
                bound = sources[:i] + (id,) + sources[i + 1:]
                yield Graph(graph.program, graph.values, graph.sources[:t] + (bound,) + graph.sources[t + 1:], graph.stores), left


def successors(program, graph, t, op, left, known):
    found, kind, loc = [], op[0], op[1]
    id = (t, len(graph.values[t]))
    places = [INIT] + [e.id for e in graph.events if e.loc == loc and e.writes]
    sources = [(source, graph.value_at(loc, source)) for source in places]
    if kind == "store":
        order = graph.stores.get(loc, ())
        for i in range(len(order) + 1):
            stores = graph.stores | {loc: order[:i] + (id,) + order[i:]}
            found += bind(extend(graph, t, None, None, stores), loc, id, op[2], left)
        return found
    order = op[2] if kind == "load" else op[3]
    if left and order != NA:
        # A read that synchronizes with the write would happen after it.
        is_acquire = order in (ACQUIRE, ACQREL)
        sources += {(("?", loc, value, writer), value) for value, writer, release in known[loc]
                    if writer != t and not (is_acquire and release)}
    for source, value in sources:
        rest = left - (source[0] == "?")
        if kind == "wait" and not op[2](value):
            continue
        if kind == "add" or kind == "cas" and value == op[2]:
            if source[0] == "?" and not program.by_updates:
                continue
            if source[0] != "?" and source not in graph.tails[loc] and loc not in graph.stores:
                continue
            new = op[2](value) if kind == "add" else op[3]
            found += bind(extend(graph, t, value, source), loc, id, new, rest)
        else:
            found.append((extend(graph, t, value, source), rest))
    return found
