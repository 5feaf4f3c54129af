import type { ApplicationMessage } from "../mqtt/message.ts";

/** The user property with which a publisher writes a retained message only if nobody else has since. */
const property = "expected-version";

/**
 * The version that the retained message of the topic must have for this one to take its place (0: there must be none);
 * undefined when the publisher demands nothing, "malformed" when its demand is no number. What is not retained has no
 * version, so that the property means nothing there.
 */
export function expectedVersionOf(message: ApplicationMessage): number | undefined | "malformed" {
  const value = message.properties?.userProperties?.[property];
  if (value === undefined || !message.retain) return undefined;
  if (typeof value !== "string" || !/^\d{1,16}$/.test(value)) return "malformed";
  const version = Number(value);
  return Number.isSafeInteger(version) ? version : "malformed";
}
