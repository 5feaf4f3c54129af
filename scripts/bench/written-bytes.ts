import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What processes had the kernel write to disks since they started, in bytes; null where the system does not tell. */
export function diskBytes(pids: readonly number[]): number | null {
  try {
    return pids.reduce((total, pid) => {
      const text = readFileSync(`/proc/${pid}/io`, "latin1");
      return total + Number(/^write_bytes: (\d+)$/m.exec(text)?.[1]);
    }, 0);
  } catch {
    return null;
  }
}

/**
 * What went over the open connections to these ports, both ways, in bytes; null without ports, and where there is no `ss` that
 * tells.
 */
export function peerBytes(ports: readonly number[]): number | null {
  if (ports.length === 0) return null;
  const filter = ports.map((port) => `sport = :${port} or dport = :${port}`).join(" or ");
  try {
    return sumSent(execFileSync("ss", ["-tinH", filter], { encoding: "utf8", stdio: "pipe" }));
  } catch {
    return null;
  }
}

/** Both ends of a connection on one machine have a line of their own, each with what it sent. */
export function sumSent(text: string): number {
  return [...text.matchAll(/\bbytes_sent:(\d+)/g)].reduce((sum, [, sent]) => sum + Number(sent), 0);
}

/** For each message; null when either is not known. */
export function perMessage(after: number | null, before: number | null, messages: number) {
  return after === null || before === null ? null : (after - before) / messages;
}
