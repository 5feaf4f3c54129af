import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { chooseEncoding, readDashboard } from "../../../src/api/dashboard-files.ts";
import { dashboardPaths } from "../../../src/api/routes/dashboard.ts";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function built(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "assets"));
  writeFileSync(join(directory, "index.html"), "<!doctype html>");
  writeFileSync(join(directory, "index.html.gz"), "small");
  writeFileSync(join(directory, "assets", "index-abc.js"), "export {}");
  writeFileSync(join(directory, "assets", "index-abc.js.br"), "smaller");
  writeFileSync(join(directory, "secret.pem"), "not a file of the dashboard");
  return directory;
}

function start(dashboardDirectory?: string) {
  const server = new ApiServer({
    node: new FakeNodePort(),
    clock: new FakeClock(),
    log: silentLog,
    isOpen: true,
    ...(dashboardDirectory === undefined ? {} : { dashboardDirectory }),
  });
  onTestFinished(() => server.close());
  return (url: string, headers: Record<string, string> = {}) =>
    server.app.inject({ method: "GET", url, headers: { host: "broker.example:8080", ...headers } });
}

test.each(dashboardPaths)(
  "%s answers with the page, whatever it is asked to show",
  async (path) => {
    const answer = await start(built())(`${path}?id=robot1`);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(answer.body).toBe("<!doctype html>");
  },
);

test("the page allows nothing inline and nothing from elsewhere, except this host's other ports for its feeds", async () => {
  const { headers } = await start(built())("/");
  const policy = String(headers["content-security-policy"]);
  expect(policy).toContain("default-src 'self';");
  expect(policy).toContain("connect-src 'self' http://broker.example:* https://broker.example:*");
  expect(policy).not.toContain("unsafe");
  expect(headers["x-content-type-options"]).toBe("nosniff");
});

test("a host name cannot write into the policy", async () => {
  const { headers } = await start(built())("/", { host: "x; script-src *" });
  const policy = String(headers["content-security-policy"]);
  expect(policy).toContain("connect-src 'self';");
  expect(policy).not.toContain("script-src");
});

test("the page is asked for anew each time, its files never again", async () => {
  const get = start(built());
  const page = await get("/");
  expect(page.headers["cache-control"]).toBe("no-cache");
  const again = await get("/map", { "if-none-match": String(page.headers["etag"]) });
  expect(again.statusCode).toBe(304);
  const file = await get("/assets/index-abc.js");
  expect(file.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  expect(file.headers["content-type"]).toBe("text/javascript; charset=utf-8");
});

test("a file comes in the best coding that the browser takes", async () => {
  const get = start(built());
  const packed = await get("/assets/index-abc.js", { "accept-encoding": "gzip, br" });
  expect(packed.headers["content-encoding"]).toBe("br");
  expect(packed.body).toBe("smaller");
  const plain = await get("/assets/index-abc.js", { "accept-encoding": "gzip" });
  expect(plain.headers["content-encoding"]).toBeUndefined();
  const file = readDashboard(built()).get("index.html");
  expect(chooseEncoding(file!, "br;q=1, gzip;q=0.5")).toBe("gzip");
  expect(chooseEncoding(file!, "gzip;q=0")).toBeNull();
});

test("nothing else of the file system can be named", async () => {
  const get = start(built());
  for (const url of [
    "/assets/../secret.pem",
    "/assets/..%2fsecret.pem",
    "/assets/%2e%2e/%2e%2e/etc/passwd",
    "/secret.pem",
    "/index.html.gz",
    "/assets/index-abc.js.br",
  ]) {
    const answer = await get(url);
    expect([url, answer.statusCode]).toEqual([url, 404]);
  }
});

test("a node whose dashboard was not built says so, and serves the rest", async () => {
  const get = start(join(temporaryDirectory(), "missing"));
  const answer = await get("/");
  expect(answer.statusCode).toBe(404);
  expect(answer.json().detail).toContain("npm run build");
  expect((await get("/livez")).statusCode).toBe(200);
});
