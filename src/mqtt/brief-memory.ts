/** Memory in which bytes of a client stand until those who were told of them return; then it is used for those of another. */
export interface BriefMemory {
  readonly bytes: Buffer;
  /** For who keeps `bytes`: a copy, the same for all who ask, with everything at the same place. Other memory is answered as it is. */
  own(bytes: Buffer): Buffer;
  /** `bytes[start, end)`, for who keeps only this. */
  ownPart(bytes: Buffer, start: number, end: number): Buffer;
}
