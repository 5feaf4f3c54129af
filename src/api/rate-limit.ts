import { isIPv6 } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Clock, Counters } from "#cluster";
import { rateLimitAddressesMax } from "./limits.ts";
import { ApiError } from "./problem.ts";

/** For orchestrators and Prometheus, which must not be shut out by others behind the same address. */
const exempt: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics"]);

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A bucket of tokens for each address, which fills in a second; memory for the addresses that were heard of last. */
export class RequestBudget {
  readonly #perSecondMax: number;
  readonly #addressesMax: number;
  /** The address that was quiet the longest comes first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecondMax: number, addressesMax = rateLimitAddressesMax) {
    this.#perSecondMax = perSecondMax;
    this.#addressesMax = addressesMax;
  }

  /** False: too many. */
  take(address: string, nowMs: number): boolean {
    const key = networkOf(address);
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: this.#perSecondMax, filledAtMs: nowMs };
    const grown = ((nowMs - bucket.filledAtMs) / 1000) * this.#perSecondMax;
    bucket.tokens = Math.min(this.#perSecondMax, bucket.tokens + grown);
    bucket.filledAtMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#addressesMax) {
      const [oldest = ""] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

/** Whoever has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [head = "", tail = ""] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  const zeros = address.includes("::") ? Math.max(0, 8 - before.length - after.length) : 0;
  return [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

/** Refuses requests of an address that asks too often, before anything else is done for it. */
export function limitRate(
  app: FastifyInstance,
  perSecondMax: number,
  { clock, counters }: { readonly clock: Clock; readonly counters: Counters },
): void {
  if (perSecondMax === 0) return;
  const budget = new RequestBudget(perSecondMax);
  app.addHook("onRequest", async ({ ip, url }, reply) => {
    if (exempt.has(url.split("?")[0] ?? "") || budget.take(ip, clock.monotonicMs())) return;
    counters.add("requestsLimited");
    reply.header("retry-after", 1);
    throw new ApiError(
      429,
      "rate-limited",
      `more than ${perSecondMax} requests in a second (--http-rate-limit)`,
    );
  });
}
