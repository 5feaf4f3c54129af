import { expect, test } from "vitest";
import { searchDevices, searchLimits } from "../../../src/api/device-search.ts";
import { parseWhere } from "../../../src/query/where.ts";
import { FakeDevices } from "../../support/fake-node-port.ts";

function fleet(count: number): FakeDevices {
  const devices = new FakeDevices();
  for (let at = 0; at < count; at++) devices.set(`r${String(at).padStart(6, "0")}`, "x", at);
  return devices;
}

test("pages join to all that match, in order", async () => {
  const devices = fleet(1700);
  const where = parseWhere("x % 7 == 0");
  const found: string[] = [];
  let after: string | null = "";
  while (after !== null) {
    const page = await searchDevices(devices, where, { after, limit: 50 }, async () => {});
    expect(page.devices.length).toBeLessThanOrEqual(50);
    found.push(...page.devices.map(({ id }) => id));
    after = page.next;
  }
  expect(found).toHaveLength(243);
  expect(found).toEqual([...found].sort());
});

test("one request looks at a bounded number of devices and gives way between, and the next one goes on", async () => {
  const list: { id: string }[] = Array.from(
    { length: searchLimits.scannedDevicesMax + 10 },
    (_, at) => ({
      id: String(at).padStart(6, "0"),
    }),
  );
  const devices = {
    ...{ count: () => list.length, get: () => null, history: () => [], onChanged: () => () => {} },
    ...{ index: 0, replacedCount: 0 },
    list: (after: string, limit: number) => {
      const start = after === "" ? 0 : Number(after) + 1;
      return list.slice(start, start + limit) as never[];
    },
  };
  let turns = 0;
  const nextTurn = async (): Promise<void> => {
    turns++;
  };
  const first = await searchDevices(devices, () => false, { after: "", limit: 10 }, nextTurn);
  expect(first).toMatchObject({ devices: [], scanned: searchLimits.scannedDevicesMax });
  expect(turns).toBe(searchLimits.scannedDevicesMax / searchLimits.scannedPerTurn);
  const rest = await searchDevices(
    devices,
    () => true,
    { after: first.next!, limit: 100 },
    nextTurn,
  );
  expect([rest.devices.length, rest.next]).toEqual([10, null]);
});
