import type { ApplicationMessage } from "../mqtt/message.ts";

/** The user property with which a publisher writes a retained message only if nobody else has since. */
const property = "expected-version";

/**
 * The version that the retained message of the topic must have for this one to take its place (0: there must be none);
 * undefined when the publisher demands nothing, "malformed" when its demand is no number. What is not retained has no
 * version, so that the property means nothing there.
 */
export function expectedVersionOf(message: ApplicationMessage): number | undefined | "malformed" {
  if (!message.retain) return undefined;
  const values = message.properties?.userProperties?.filter(([name]) => name === property) ?? [];
  if (values.length === 0) return undefined;
  const value = values[0]?.[1] ?? "";
  if (values.length > 1 || !/^\d{1,16}$/.test(value)) return "malformed";
  const version = Number(value);
  return Number.isSafeInteger(version) ? version : "malformed";
}
