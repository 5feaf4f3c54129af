/** Memory in which bytes of a client stand until those who were told of them return; then it may be used for those of another. */
export interface BriefMemory {
  readonly bytes: Buffer;
  /** For who keeps `bytes[start, end)`. Of other memory it is a view. */
  ownPart(bytes: Buffer, start: number, end: number): Buffer;
  /** The same bytes for good. */
  keep(): BriefMemory;
}
