import { expect, test } from "vitest";
import {
  type ClientAddress,
  decodeClientAddress,
  encodeClientAddress,
  serverReferenceOf,
} from "../../../src/server-reference.ts";

const member = { addresses: ["10.0.0.7:7001", "127.0.0.1:7001"] };
const address: ClientAddress = {
  ...{ advertised: null, host: "0.0.0.0", port: 1884, isReady: true },
  ...{ machine: "a", sharedDoors: ["--mqtt 0.0.0.0:1884"] },
};

test.each<[string, Partial<ClientAddress>, boolean, string | null]>([
  ["every interface: the host that its peers know", {}, false, "10.0.0.7:1884"],
  ["every interface of IPv6", { host: "::" }, false, "10.0.0.7:1884"],
  ["one interface", { host: "192.168.1.9" }, false, "192.168.1.9:1884"],
  ["one of IPv6", { host: "fd00::9" }, false, "[fd00::9]:1884"],
  ["loopback, for clients on loopback", { host: "127.0.0.1" }, true, "127.0.0.1:1884"],
  ["loopback, for clients elsewhere", { host: "localhost" }, false, null],
  ["as the operator says", { advertised: "mqtt.example:1883" }, false, "mqtt.example:1883"],
])("%s", (_what, changes, areClientsLocal, expected) => {
  expect(serverReferenceOf({ ...address, ...changes }, member, areClientsLocal)).toBe(expected);
});

test("a member with an IPv6 address keeps the brackets, one without any is not named", () => {
  expect(serverReferenceOf(address, { addresses: ["[fd00::1]:7001"] }, false)).toBe(
    "[fd00::1]:1884",
  );
  expect(serverReferenceOf(address, { addresses: [] }, false)).toBeNull();
});

test("it travels between nodes, and nothing else does", () => {
  expect(decodeClientAddress(encodeClientAddress(address))).toEqual(address);
  const malformed = { ...address, sharedDoors: [7] };
  const others = ["", "{", "null", "7", '{"host":"h","port":"1","isReady":true}'];
  for (const text of [...others, JSON.stringify(malformed)]) {
    expect(decodeClientAddress(Buffer.from(text))).toBeNull();
  }
});

test("a node of an earlier version is understood, and shares nothing", () => {
  const { machine: _machine, sharedDoors: _doors, ...earlier } = address;
  const bytes = Buffer.from(JSON.stringify(earlier));
  expect(decodeClientAddress(bytes)).toEqual({ ...earlier, machine: null, sharedDoors: [] });
});
