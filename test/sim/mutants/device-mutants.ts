import type { Mutant } from "./mutant.ts";

/** State, shadows and deletions of devices, as the log applies them. */
export const deviceMutants: readonly Mutant[] = [
  {
    name: "device state of a client that was claimed elsewhere is applied",
    file: "src/replica/device-writes.ts",
    find: "      if (this.#parts.isFenced(source, fence, context)) return 0;\n",
    replace: "",
  },
  {
    name: "a group's fence is forgotten on its way to the log",
    file: "src/replica/device-commands.ts",
    find: "    writeFence(writer, fence);",
    replace: '    writeFence(writer, source === "" ? fence : "none");',
  },
  {
    name: "device state written twice in one entry keeps its version",
    file: "src/replica/device-writes.ts",
    find: "      const version = this.#nextOf(updates);\n      this.write(",
    replace: "      const version = context.index;\n      this.write(",
  },
  {
    name: "a shadow is written whatever version was expected",
    file: "src/replica/device-writes.ts",
    find: "const conflict = this.conflict(expectedVersion, [before]);",
    replace: "const conflict = this.conflict(undefined, [before]);",
  },
  {
    name: "a shadow that is gone stays on the disk",
    file: "src/replica/device-view.ts",
    find: "      this.#parts.records.delete(writer, recordPrefix.shadow + id, device.shadow.hash);\n",
    replace: "",
  },
  {
    name: "attributes of a deleted device stay on the disk",
    file: "src/replica/device-view.ts",
    find: "    this.#parts.records.delete(writer, keyOf(device.id, attribute.name), attribute.hash);\n",
    replace:
      "    this.#parts.records.delete({ ...writer, delete() {} }, keyOf(device.id, attribute.name), attribute.hash);\n",
  },
  {
    name: "a deleted device keeps its attributes in memory",
    file: "src/replica/device-view.ts",
    find: "      this.#remove(device, attribute, writer);\n    }\n    if (this.#devices.has(id)) this.#close(device, writer);\n",
    replace:
      "      this.#parts.records.delete(writer, keyOf(id, attribute.name), attribute.hash);\n    }\n",
  },
  {
    name: "an object of a restored device does not merge",
    file: "src/replica/device-view.ts",
    find: "update.isReplacing === true ? update.value :",
    replace: "update.isReplacing === true || attribute?.history == null ? update.value :",
  },
  {
    name: "a version is given out again when its value is gone",
    file: "src/replica/versions.ts",
    find: "    if (version < this.index || version < this.#floor) return;",
    replace: "    if (version >= 0) return;",
  },
];
