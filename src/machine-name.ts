import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * The same for processes whose ports are the same ones: of one machine since it booted, and of one network namespace, since containers have
 * ports of their own. Null where the system does not tell.
 */
export function machineName(): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // A copy of a running virtual machine has the rest in common with it.
    return `${hostname()} ${boot} ${readlinkSync("/proc/self/ns/net")}`;
  } catch {
    return null;
  }
}
