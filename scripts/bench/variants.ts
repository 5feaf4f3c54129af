import type { Broker } from "./brokers.ts";
import type { Contender } from "./rounds.ts";

export const plainVariant = "MQTT 3.1.1";

/** The same broker under the same work, with something more to do. */
export function variantsOf(broker: Broker): readonly Contender[] {
  const mqtt5 = { version: 5 } as const;
  return [
    { name: plainVariant, broker, variant: {} },
    { name: "MQTT 5", broker, variant: mqtt5 },
    { name: "MQTT 5, properties", broker, variant: { ...mqtt5, hasProperties: true } },
    { name: "100,000 other filters", broker, variant: { otherSubscriptions: 100_000 } },
    { name: "a fifth overlapping", broker, variant: { hasOverlaps: true } },
  ];
}
