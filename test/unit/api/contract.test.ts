import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer } from "../../../src/api/server.ts";
import { defaultApiSettings } from "../../../src/api/settings.ts";
import { localClient } from "../../support/fake-clients.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { fitting, type Schema } from "../../support/schema-arbitrary.ts";
import { silentLog } from "../../support/silent-log.ts";

/** A client made from nothing but the OpenAPI document. More of it: API_CONTRACT_RUNS=1000 npx vitest run test/unit/api/contract.test.ts */
const runs = Number(process.env["API_CONTRACT_RUNS"] ?? 8);

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, { schema: Schema }> }>;
}
interface Operation extends Described {
  readonly path: string;
  readonly method: string;
}
interface Call {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload: string | Buffer | undefined;
}

const node = new FakeNodePort();
const server = new ApiServer({
  ...{ node, clock: new FakeClock(), log: silentLog, isOpen: false },
  settings: { ...defaultApiSettings, requestsPerSecondMax: 0 },
});
const ajv = new Ajv2020({ strict: false, validateFormats: false });
let operations: readonly Operation[] = [];

beforeAll(async () => {
  await server.app.ready();
  const answer = await server.app.inject({
    ...{ method: "GET", url: "/api/openapi.json" },
    headers: { host: "localhost" },
  });
  const document = answer.json<{ paths: Record<string, Record<string, Described>> }>();
  ajv.addSchema(document, "document");
  operations = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => ({ path, method, ...described })),
    )
    .filter(({ responses }) => !isEndless(responses));
  node.devices.set("r1", "coordinates", { x: 1, y: 2 });
  node.clients.connect("robot-1", "n1");
  node.clients.local.set("robot-1", localClient("robot-1", { subscriptions: 1 }));
  node.clients.connect("robot-2", "n2");
  node.peers.nodes.set("n2", null);
});

afterAll(() => server.close());

/** An event stream has no end to wait for; its own tests read it. */
function isEndless(responses: Described["responses"]): boolean {
  return Object.hasOwn(responses["200"]?.content ?? {}, "text/event-stream");
}

/** Sends the call, and says what of the answer is not as documented; null when all of it is. */
async function problemWith(operation: Operation, call: Call): Promise<string | null> {
  const { url, headers, payload } = call;
  const answer = await server.app.inject({
    ...{ method: operation.method.toUpperCase() as "GET", url },
    headers: { host: "localhost", ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
  const said = `${operation.method} ${url} ${String(payload)}: ${answer.statusCode} ${answer.body}`;
  const documented = operation.responses[String(answer.statusCode)];
  if (documented === undefined || answer.statusCode === 500) return `undocumented ${said}`;
  const type = String(answer.headers["content-type"] ?? "").split(";")[0] ?? "";
  const content = documented.content;
  if (content === undefined) return answer.body === "" ? null : `unexpected body ${said}`;
  if (content[type] === undefined) return `undocumented type ${type} ${said}`;
  if (!type.endsWith("json")) return null;
  const place = ["paths", operation.path, operation.method, "responses", `${answer.statusCode}`];
  const pointer = [...place, "content", type, "schema"].map(escaped).join("/");
  const isValid = ajv.validate({ $ref: `document#/${pointer}` }, answer.json());
  return isValid ? null : `${ajv.errorsText()} in ${said}`;
}

function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** Calls that fit the document. */
/** The two others are of another address, once it is resolved. */
const isSegment = (text: string): boolean => text !== "." && text !== "..";

function validCall(operation: Operation): fc.Arbitrary<Call> {
  const { parameters = [], requestBody } = operation;
  const values = fc.record(
    Object.fromEntries(
      parameters.map(({ name, in: place, schema }) => {
        const value = fitting(schema);
        return [name, place === "path" ? value.filter((each) => isSegment(String(each))) : value];
      }),
    ),
    { requiredKeys: parameters.filter((one) => one.required).map(({ name }) => name) },
  );
  const [[type, { schema }] = ["", { schema: {} }]] = Object.entries(requestBody?.content ?? {});
  const isJson = type === "application/json";
  const body =
    requestBody === undefined ? fc.constant(undefined) : isJson ? fitting(schema) : bytes;
  return fc.tuple(values, body).map(([given, content]) => callOf(operation, given, content));
}

const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));

function callOf(operation: Operation, given: Record<string, unknown>, body: unknown): Call {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let url = operation.path;
  for (const { name, in: place } of operation.parameters ?? []) {
    const value = given[name];
    if (value === undefined) continue;
    if (place === "path") url = url.replace(`{${name}}`, () => encodeURIComponent(String(value)));
    else if (place === "query") query.set(name, String(value));
    // Conditions as clients send them; others are in the second test.
    else headers[name] = name === "if-match" ? '"7"' : "*";
  }
  if (query.size > 0) url += `?${query}`;
  if (body === undefined) return { url, headers, payload: undefined };
  const isBinary = Buffer.isBuffer(body);
  headers["content-type"] = isBinary ? "application/octet-stream" : "application/json";
  return { url, headers, payload: isBinary ? body : JSON.stringify(body) };
}

const oddPaths = ["%", "%FF", "%00", "a%2Fb", "%F0%9F%A4%96", "x".repeat(300), "__proto__"];
const oddQueries = [
  ...[
    "limit=0",
    "limit=99999999999999999999",
    "limit=1&limit=2",
    "limit=-1",
    "after=%FF",
    "after=a&after=b",
  ],
  ...[
    "consistency=x",
    "filter=a%2F%23%2Fb",
    "topic=%2B",
    "wait=-1",
    "wait=1e9",
    "unknown=1",
    "reason=",
    "=&&=%",
  ],
];
const oddBodies = [
  ...[
    '{"command":5}',
    "{",
    "null",
    "[]",
    '"text"',
    "1e999",
    `${"[".repeat(5000)}${"]".repeat(5000)}`,
  ],
  ...['{"__proto__":{}}', '{"topic":"a/+","qos":3}', '{"topic":"\\ud800","payload":1}', "\u0000"],
  ...['{"messages":[]}', '{"messages":[{"topic":"#"}]}', '{"topic":"a","payloadBase64":"%"}'],
];
const oddBytes = [Buffer.from([0xff, 0xfe]), Buffer.from('{"command":"\xff"}', "latin1")];

/** Calls that most often do not fit. */
function oddCall(operation: Operation): fc.Arbitrary<Call> {
  const value = fc.oneof(
    fc.constantFrom(...oddPaths),
    fc.string({ minLength: 1 }).map(encodeURIComponent).filter(isSegment),
  );
  const payload = fc.oneof(
    fc.constantFrom<string | Buffer>(...oddBodies, ...oddBytes),
    fc.json({ maxDepth: 4 }),
  );
  const type = fc.constantFrom("application/json", "text/plain", "application/octet-stream", "x");
  const condition = fc.constantFrom('"1"', "*", 'W/"1"', '"0"', "1");
  const query = fc.oneof(fc.constantFrom("", ...oddQueries), fc.webQueryParameters());
  return fc.record({ value, payload, type, condition, query }).map((odd) => {
    const url = operation.path.replace(/\{[^}]+\}/g, () => odd.value);
    const hasBody = operation.requestBody !== undefined;
    const headers: Record<string, string> = { "if-match": odd.condition };
    if (hasBody) headers["content-type"] = odd.type;
    return { url: `${url}?${odd.query}`, headers, payload: hasBody ? odd.payload : undefined };
  });
}

async function check(arbitraryOf: (operation: Operation) => fc.Arbitrary<Call>): Promise<void> {
  expect(operations.length).toBeGreaterThan(25);
  for (const operation of operations) {
    await fc.assert(
      fc.asyncProperty(arbitraryOf(operation), async (call) => {
        expect(await problemWith(operation, call)).toBeNull();
      }),
      { numRuns: runs },
    );
  }
}

test("every operation answers valid requests as documented", async () => {
  await check(validCall);
}, 120_000);

test("every operation refuses what is wrong with a documented problem, and never fails", async () => {
  await check(oddCall);
}, 120_000);
