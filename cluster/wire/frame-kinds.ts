/**
 * The first byte of every frame says what it is. On `Channel.control` the composition strips it and hands the rest to the
 * driver the kind belongs to; on `Channel.forward` and in broadcasts the whole frame goes to the one driver that uses them.
 * 1 to 15 belong to the drivers of members, interest and forwarding, 16 and above to the composition.
 */
export const ControlKind = {
  ping: 1,
  pong: 2,
  interestDelta: 3,
  interestAck: 4,
  forwardAck: 5,
  laneState: 6,
  interestDigest: 8,
  addresses: 9,
  proposal: 16,
  proposalReply: 17,
} as const;
export type ControlKind = (typeof ControlKind)[keyof typeof ControlKind];

export const ForwardKind = {
  batch: 1,
} as const;

/** Equal to the kind on the control channel, so that one encoded delta serves both ways. */
export const BroadcastKind = {
  interestDelta: ControlKind.interestDelta,
} as const;

/** Second byte of every frame of these drivers; a frame of another version is dropped and counted. */
export const frameVersion = 1;
