/**
 * One operation on a register as its client saw it. Times only need an order. A write whose outcome is not known ends at
 * Infinity: it may happen at any time after its start, or never. Values of writes are unique; null is the initial value.
 */
export interface Operation {
  readonly type: "write" | "read";
  readonly value: string | null;
  readonly start: number;
  readonly end: number;
}

/** Memory for one history; beyond it the verdict is "undecided", which counts as a failure of the checker. */
const statesMax = 50_000;

/**
 * Is there an order of the operations, within their intervals, in which each read sees the last write? The search is that of
 * Wing and Gong with Lowe's memory of states already tried. Reads of the current value are taken at once, since they
 * change nothing; unfinished writes that nobody read are left out, since they may never have happened. `rankOf` says which of
 * several writes to try first: it shortens the search and does not change the verdict.
 */
export function checkRegister(
  history: readonly Operation[],
  rankOf: (value: string | null) => number = () => 0,
): "linearizable" | "violated" | "undecided" {
  const read = new Set(history.filter(({ type }) => type === "read").map(({ value }) => value));
  const required = history
    .filter(({ end }) => end !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.start - b.start);
  const optional = history.filter(
    ({ type, end, value }) =>
      type === "write" && end === Number.POSITIVE_INFINITY && read.has(value),
  );
  const seen = new Set<string>();
  const stack: State[] = [{ first: 0, ahead: [], used: [], value: null }];
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    const settled = takeReads(state, required);
    if (settled.first === required.length) return "linearizable";
    const key = `${settled.first}:${settled.ahead.join()}:${settled.used.join()}:${settled.value}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > statesMax) return "undecided";
    const next = successors(settled, required, optional);
    stack.push(...next.sort((a, b) => rankOf(b.value) - rankOf(a.value)));
  }
  return "violated";
}

interface State {
  /** All required operations before this one are placed... */
  readonly first: number;
  /** ...and these after it, in order. */
  readonly ahead: readonly number[];
  /** Optional writes placed, in order of their number. */
  readonly used: readonly number[];
  readonly value: string | null;
}

/** Required operations that may be next: those that start before any other open one ends. */
function candidates(state: State, required: readonly Operation[]): { at: number[]; end: number } {
  const at: number[] = [];
  let end = Number.POSITIVE_INFINITY;
  for (let i = state.first; i < required.length; i++) {
    const operation = required[i] as Operation;
    if (operation.start > end) break;
    if (state.ahead.includes(i)) continue;
    at.push(i);
    end = Math.min(end, operation.end);
  }
  return { at: at.filter((i) => (required[i] as Operation).start <= end), end };
}

function takeReads(state: State, required: readonly Operation[]): State {
  for (let next = state; ; ) {
    const matching = candidates(next, required).at.find((i) => {
      const { type, value } = required[i] as Operation;
      return type === "read" && value === next.value;
    });
    if (matching === undefined) return next;
    next = place(next, matching, next.value);
  }
}

function place(state: State, at: number, value: string | null): State {
  const ahead = [...state.ahead, at].sort((a, b) => a - b);
  let { first } = state;
  while (ahead[0] === first) {
    ahead.shift();
    first++;
  }
  return { ...state, first, ahead, value };
}

function successors(
  state: State,
  required: readonly Operation[],
  optional: readonly Operation[],
): State[] {
  const { at, end } = candidates(state, required);
  const next: State[] = [];
  for (const [number, { start, value }] of optional.entries()) {
    if (start > end || state.used.includes(number)) continue;
    const used = [...state.used, number].sort((a, b) => a - b);
    next.push({ ...state, used, value });
  }
  for (const i of at) {
    const { type, value } = required[i] as Operation;
    if (type === "write") next.push(place(state, i, value));
  }
  return next;
}
