import fc from "fast-check";
import { replicaLimits } from "../../src/replica/limits.ts";

export const clientIds = ["a", "b", "c/d", "e"];
export const topic = fc.constantFrom("t", "t/1", "t/2", "$x/1", "/", "ü/\u{1f426}");

/** Small enough for random commands to meet every one of them. */
export const tightLimits = {
  ...replicaLimits,
  retainedMax: 4,
  retainedSizeBytesMax: 1500,
  devicesMax: 2,
  attributesPerDeviceMax: 2,
  valueSizeBytesMax: 100,
  clientsMax: 3,
  storedSessionsMax: 3,
  subscriptionsPerSessionMax: 3,
  queuedMessagesMax: 4,
  underWayMessagesMax: 2,
  underWaySizeBytesMax: 500,
  queuedSizeBytesMax: 1200,
  storedSizeBytesMax: 2500,
  storedAgeSecondsMax: 500,
  expiredPerApplyMax: 1,
};
