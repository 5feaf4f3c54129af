import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, request } from "./http.ts";
import { link } from "./link.ts";

export interface Fetched {
  /** The last good answer; it stays while a newer one fails. */
  readonly data: unknown;
  readonly error: string | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** Fetches `path` now, when it changes, when another node is talked to, and every `everyMs`. Null: nothing to fetch. */
export function useFetched(path: string | null, everyMs: number | null = null): Fetched {
  const [answer, setAnswer] = useState<{
    path: string | null;
    data: unknown;
    error: string | null;
  }>({ path: null, data: null, error: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(path);
  latest.current = path;
  const { base, phase } = link.value;
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      try {
        const data = await request(path, { signal: stop.signal });
        if (!stop.signal.aborted) setAnswer({ path, data, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        setAnswer((old) => ({
          path,
          data: old.path === path ? old.data : null,
          error: messageOf(error),
        }));
      }
      if (everyMs !== null && !stop.signal.aborted) timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, turn, base, phase === "live"]);
  const isCurrent = answer.path === path;
  return {
    data: isCurrent ? answer.data : null,
    error: isCurrent ? answer.error : null,
    isLoading: path !== null && !isCurrent,
    reload: () => setTurn((value) => value + 1),
  };
}
