import type { DeviceState, NodePort } from "../ports.ts";

/** Devices as JSON; nodes by their names as far as they are known. */
export class DeviceBodies {
  readonly #node: NodePort;
  /** A page has a thousand devices and few nodes, whose names stay. */
  readonly #names = new Map<string, string>();

  constructor(node: NodePort) {
    this.#node = node;
  }

  bodyOf(device: DeviceState): object {
    const { id, version, updatedAtMs, online, lastSeenMs } = device;
    const attributes = [...device.attributes].map(
      ([name, { value, version, timeMs, source, node }]) =>
        [name, { value, version, timeMs, source, node: this.nameOf(node) }] as const,
    );
    // `Object.fromEntries` defines its fields, so that an attribute may be called __proto__.
    return {
      ...{ id, version, updatedAtMs, online, lastSeenMs },
      attributes: Object.fromEntries(attributes),
    };
  }

  nameOf(nodeId: string): string {
    const known = this.#names.get(nodeId);
    if (known !== undefined) return known;
    const name = this.#node.nodeName(nodeId);
    if (name !== nodeId) this.#names.set(nodeId, name);
    return name;
  }
}
