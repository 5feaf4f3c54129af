import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let server: ApiServer;

beforeEach(() => {
  node = new FakeNodePort();
  server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
});

afterEach(() => server.close());

type Method = "GET" | "PUT" | "DELETE" | "POST";

function ask(method: Method, url: string, headers: Record<string, string> = {}, body?: string) {
  const payload = body === undefined ? {} : { payload: body };
  return server.app.inject({ method, url, headers: { host: "localhost", ...headers }, ...payload });
}

const topic = "/api/v1/retained/plant/a%20b/state";
const attribute = "/api/v1/devices/r1/attributes/mode";
const json = { "content-type": "application/json" };

describe("a retained message", () => {
  test("is written as bytes of any media type and read back with its version as entity tag", async () => {
    const put = await ask("PUT", topic, { "content-type": "text/html" }, "<b>1</b>");
    expect(put.json()).toEqual({ topic: "plant/a b/state", version: 41, delivered: 1 });
    expect(put.headers["etag"]).toBe('"41"');
    expect(node.published[0]).toMatchObject({ qos: 1, retain: true });
    const got = await ask("GET", topic);
    expect([got.body, got.headers["etag"], got.headers["content-type"]]).toEqual([
      "<b>1</b>",
      '"41"',
      "application/octet-stream",
    ]);
    expect(got.headers["x-content-type-options"]).toBe("nosniff");
    expect(got.headers["x-staleness-ms"]).toBe("12");
  });

  test("is replaced with If-Match at its version only: 412 with the present one", async () => {
    await ask("PUT", topic, { "if-none-match": "*" }, "1");
    const again = await ask("PUT", topic, { "if-none-match": "*" }, "2");
    expect(again.statusCode).toBe(412);
    expect(again.headers["content-type"]).toContain("application/problem+json");
    expect(again.json()).toMatchObject({ status: 412, code: "version-conflict" });
    expect(again.headers["etag"]).toBe('"41"');
    expect((await ask("PUT", topic, { "if-match": '"41"' }, "2")).statusCode).toBe(200);
    expect((await ask("DELETE", topic, { "if-match": '"41"' })).statusCode).toBe(412);
    expect((await ask("DELETE", topic, { "if-match": '"42"' })).statusCode).toBe(204);
    const gone = await ask("GET", topic);
    expect(gone.json()).toMatchObject({ status: 404, code: "unknown-topic" });
  });

  test("has no entity tag for a writer whose value was replaced at the same version", async () => {
    node.getRetained = () => ({ payload: Buffer.from("another"), version: 41 });
    const put = await ask("PUT", topic, {}, "mine");
    expect([put.statusCode, put.headers["etag"]]).toEqual([200, undefined]);
  });

  test.each<[Method, Record<string, string>, string | undefined]>([
    ["PUT", {}, ""],
    ["PUT", { "if-match": "*" }, "x"],
    ["PUT", { "if-match": 'W/"41"' }, "x"],
    ["PUT", { "if-match": '"41", "42"' }, "x"],
    ["PUT", { "if-match": '"0"' }, "x"],
    ["PUT", { "if-match": '"041"' }, "x"],
    ["PUT", { "if-match": '"99999999999999999999"' }, "x"],
    ["PUT", { "if-match": "" }, "x"],
    ["PUT", { "if-none-match": '"41"' }, "x"],
    ["PUT", { "if-match": '"41"', "if-none-match": "*" }, "x"],
    ["DELETE", { "if-match": "41" }, undefined],
  ])("%s with %j and the body %j is refused", async (method, headers, body) => {
    const answer = await ask(method, topic, headers, body);
    expect(answer.json()).toMatchObject({ status: 400, code: "request-invalid" });
    expect(node.published).toEqual([]);
  });

  test("is read linearizably, or not at all without a quorum", async () => {
    await ask("PUT", topic, {}, "1");
    const url = `${topic}?consistency=linearizable`;
    expect((await ask("GET", url)).headers["x-staleness-ms"]).toBeUndefined();
    node.barrier = "no-quorum";
    expect((await ask("GET", url)).json()).toMatchObject({ status: 503, code: "no-quorum" });
  });

  test("knows no other method", async () => {
    const answer = await ask("POST", topic, json, "{}");
    expect([answer.statusCode, answer.headers["allow"]]).toEqual([405, "DELETE, GET, HEAD, PUT"]);
  });
});

describe("an attribute", () => {
  test("is set, read, replaced on condition and removed", async () => {
    const put = await ask("PUT", attribute, { ...json, "if-none-match": "*" }, '{"a":1}');
    expect(put.json()).toEqual({ id: "r1", attribute: "mode", version: 1 });
    const got = await ask("GET", attribute);
    expect(got.json()).toMatchObject({ value: { a: 1 }, version: 1 });
    expect(got.headers["etag"]).toBe('"1"');
    const stale = await ask("PUT", attribute, { ...json, "if-match": '"7"' }, "2");
    expect(stale.json()).toMatchObject({ status: 412, code: "version-conflict" });
    expect((await ask("PUT", attribute, { ...json, "if-match": '"1"' }, "2")).statusCode).toBe(200);
    expect((await ask("DELETE", attribute, { "if-match": '"2"' })).statusCode).toBe(204);
    expect(node.attributeWrites.at(-1)).toMatchObject({ value: undefined, expectedVersion: 2 });
  });

  test("that is not there is 404, and a value that is no state is 400", async () => {
    expect((await ask("GET", attribute)).json()).toMatchObject({ code: "unknown-attribute" });
    expect((await ask("PUT", attribute, json, "1e999")).statusCode).toBe(400);
    expect((await ask("PUT", attribute, json, "")).statusCode).toBe(400);
    expect((await ask("PUT", attribute, { "content-type": "text/plain" }, "1")).statusCode).toBe(
      415,
    );
    expect((await ask("PUT", "/api/v1/devices/a%00b/attributes/x", json, "1")).statusCode).toBe(
      400,
    );
  });
});
