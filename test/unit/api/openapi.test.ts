import { Validator } from "@seriousme/openapi-schema-validator";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

interface Described {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}
type Paths = Record<string, Record<string, Described>>;

let server: ApiServer;
const routes: { readonly url: string; readonly method: string; readonly isHidden: boolean }[] = [];

beforeEach(async () => {
  server = new ApiServer({
    ...{ node: new FakeNodePort(), clock: new FakeClock(), log: silentLog, isOpen: false },
  });
  routes.length = 0;
  server.app.addHook("onRoute", ({ url, method, schema }) => {
    const isHidden = (schema as { hide?: boolean } | undefined)?.hide === true;
    for (const name of [method].flat()) routes.push({ url, method: name, isHidden });
  });
  await server.app.ready();
});

afterEach(() => server.close());

const get = (url: string) =>
  server.app.inject({ method: "GET", url, headers: { host: "localhost:8080" } });

const document = async (): Promise<{ openapi: string; paths: Paths }> =>
  (await get("/api/openapi.json")).json();

const operations = (paths: Paths) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );

describe("the OpenAPI document", () => {
  test("is version 3.1, and a validator of others finds nothing wrong", async () => {
    const found = await document();
    expect(found.openapi).toBe("3.1.0");
    expect(await new Validator().validate({ ...found })).toEqual({ valid: true });
  });

  test("has every route of the server", async () => {
    const { paths } = await document();
    const known = new Set(operations(paths).map(({ path, method }) => `${method} ${path}`));
    const missing = routes
      .filter(({ url, method, isHidden }) => method !== "HEAD" && !isFile(url) && !isHidden)
      .map(({ url, method }) => `${method.toLowerCase()} ${templateOf(url)}`)
      .filter((name) => !known.has(name));
    expect(routes.length).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });

  test("says of every operation what it is, what it answers, and how it refuses", async () => {
    const all = operations((await document()).paths);
    const lacking = all.filter(({ described }) => {
      const { summary, operationId, tags, responses } = described;
      const answers = Object.keys(responses).map(Number);
      const refusals = Object.entries(responses).filter(([, { content }]) =>
        Object.hasOwn(content ?? {}, "application/problem+json"),
      );
      return !(
        summary &&
        operationId &&
        tags?.length === 1 &&
        answers.some((status) => status < 300) &&
        refusals.length >= 5
      );
    });
    expect(lacking.map(({ path, method }) => `${method} ${path}`)).toEqual([]);
    const ids = all.map(({ described }) => described.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("describes every path parameter", async () => {
    const { paths } = await document();
    for (const { path, described } of operations(paths)) {
      const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      const { parameters = [] } = described as { parameters?: { name: string; in: string }[] };
      const inPath = parameters.filter((parameter) => parameter.in === "path");
      expect(inPath.map(({ name }) => name).sort(), path).toEqual(names.sort());
    }
  });
});

describe("the page at /swagger-ui.html", () => {
  test("comes from this node with all its files, under a policy that lets nothing else in", async () => {
    const page = await get("/swagger-ui.html");
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-type"]).toContain("text/html");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const { pathname, host } = new URL(link, "http://localhost:8080/swagger-ui.html");
      expect(host).toBe("localhost:8080");
      expect((await get(pathname)).statusCode, pathname).toBe(200);
    }
    const start = await get("/swagger-ui.html/static/swagger-initializer.js");
    expect(start.body).toContain("/api/openapi.json");
  });
});

/** Of the page, which is no operation. */
function isFile(url: string): boolean {
  return url.startsWith("/swagger-ui.html");
}

function templateOf(url: string): string {
  return url.replace("*", "{topic}").replace(/:([A-Za-z]+)/g, "{$1}");
}
