/** Something that ends at a known time. Time and key must not change while it is queued; `queueIndex` belongs to the queue. */
export interface Expiring {
  readonly expiresAtMs: number;
  /** Decides between equal times, so that all replicas remove in the same order. */
  readonly expiryKey: string;
  /** -1 while not queued. */
  queueIndex: number;
}

export function isBefore(a: Expiring, b: Expiring): boolean {
  return (
    a.expiresAtMs < b.expiresAtMs || (a.expiresAtMs === b.expiresAtMs && a.expiryKey < b.expiryKey)
  );
}
