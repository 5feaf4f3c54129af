import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type LoadedConfig, loadConfig } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/file.ts";
import { optionList } from "../../../src/config/options.ts";
import { UsageError } from "../../../src/config/usage-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function load(argv: readonly string[], environment: Record<string, string> = {}): LoadedConfig {
  const result = loadConfig(argv, environment, "0.1.0");
  if (result.kind !== "loaded") {
    throw new Error("expected a configuration");
  }
  return result;
}

function messageOf(argv: readonly string[], environment: Record<string, string> = {}): string {
  try {
    load(argv, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).exitCode).toBe(2);
    expect((error as UsageError).message).not.toContain("\n");
    return (error as UsageError).message;
  }
  throw new Error("expected a usage error");
}

function file(text: string, name = "flockmq.yaml"): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text);
  return path;
}

describe("values", () => {
  test("are the defaults when nothing is given", () => {
    const { config, sources, warnings } = load([]);
    expect(config).toMatchObject({
      join: null,
      mqtt: { host: "127.0.0.1", port: 1883 },
      peer: { host: "0.0.0.0", port: 7001 },
      mdns: true,
      allowAnonymous: false,
      votersMax: 5,
      devicePatterns: [{ topic: "sensors/{device}/{attribute}", json: "merge", ttlSeconds: 0 }],
    });
    expect(new Set(Object.values(sources))).toEqual(new Set(["default"]));
    expect(warnings).toEqual([]);
  });

  test("come from the flag before the environment, the file and the default", () => {
    const path = file("mqtt: 3000\nws: 3001\nhttp: 3002\nlog-level: debug\n");
    const environment = { FLOCKMQ_MQTT: "2000", FLOCKMQ_WS: "2001", FLOCKMQ_CONFIG: path };
    const { config, sources } = load(["--mqtt", "1000"], environment);
    expect([config.mqtt.port, config.ws.port, config.http.port]).toEqual([1000, 2001, 3002]);
    expect(config.logLevel).toBe("debug");
    expect(sources).toMatchObject({
      mqtt: "flag",
      ws: "environment",
      http: "file",
      peer: "default",
    });
  });

  test("of an empty environment variable are left out", () => {
    expect(load([], { FLOCKMQ_MQTT: "" }).sources.mqtt).toBe("default");
  });

  test.each([
    [["--join"], { addresses: [] }],
    [["--join", "--mqtt", "0"], { addresses: [] }],
    [["--join", "a:1"], { addresses: ["a:1"] }],
    [["--join=a:1,b:2", "--join", "[::1]:3"], { addresses: ["a:1", "b:2", "[::1]:3"] }],
  ])("of %j", (argv, join) => {
    expect(load(argv).config.join).toEqual(join);
  });

  test("of FLOCKMQ_JOIN are candidates, and do not make the node join", () => {
    const { config, warnings } = load([], { FLOCKMQ_JOIN: "a:1, b:2" });
    expect(config.join).toBeNull();
    expect(config.joinCandidates).toEqual(["a:1", "b:2"]);
    expect(warnings[0]).toContain("without --join");
    expect(load(["--join"], { FLOCKMQ_JOIN: "a:1" }).warnings).toEqual([]);
  });

  test("take units", () => {
    const times = ["--session-expiry-max", "2h", "--keep-alive-max", "1m"];
    const { config } = load(["--max-packet-size", "64KiB", ...times]);
    expect(config.keepAliveSecondsMax).toBe(60);
    expect(config.packetSizeBytesMax).toBe(65_536);
    expect(config.sessionExpirySecondsMax).toBe(7200);
  });

  test("of a repeated pattern add up", () => {
    const patterns = ["a/{device}/{attribute}", "b/{device}/{attribute}"];
    const argv = patterns.flatMap((pattern) => ["--device-pattern", pattern]);
    const topics = load(argv).config.devicePatterns.map(({ topic }) => topic);
    expect(topics).toEqual(patterns);
  });

  test("of a pattern say how payloads are kept and for how long", () => {
    const text = "a/{device}/{attribute};json=raw;ttl=1h";
    const expected = [{ topic: "a/{device}/{attribute}", json: "raw", ttlSeconds: 3600 }];
    expect(load(["--device-pattern", text]).config.devicePatterns).toEqual(expected);
    const inFile = { pattern: "a/{device}/{attribute}", json: "raw", ttl: "1h" };
    const texts = parseConfig(JSON.stringify({ devices: [inFile] }), "x.yaml");
    expect(texts.get("devicePatterns")).toEqual([text]);
    expect(() => parseConfig("devices: [{pattern: a, color: red}]", "x.yaml")).toThrow(
      "x.yaml:1: devices: expected a single value or a list",
    );
  });

  test("of the last of a flag given twice count", () => {
    expect(load(["--mqtt", "1", "--mqtt", "2"]).config.mqtt.port).toBe(2);
  });
});

describe("errors name the option and what was expected", () => {
  test.each([
    [["--bogus"], "unknown option '--bogus'"],
    [["extra"], "too many arguments"],
    [["--mqtt"], "'--mqtt <[HOST:]PORT>' argument missing"],
    [["--mqtt", "65536"], "--mqtt: expected [HOST:]PORT with a port from 0 to 65535"],
    [["--mqtt", "-1"], "--mqtt: expected [HOST:]PORT"],
    [["--mqtt", ""], "--mqtt: expected [HOST:]PORT"],
    [["--peer", "a:b"], "--peer: expected [HOST:]PORT"],
    [["--join", "nowhere"], "--join: expected HOST:PORT"],
    [["--join", "a:0"], "--join: expected HOST:PORT"],
    [["--bootstrap-expect", "x"], "--bootstrap-expect: expected a whole number from 0 to 64"],
    [["--voters-max", "4"], "--voters-max: expected an odd number"],
    [["--mdns", "maybe"], "--mdns: expected on or off"],
    [["--log-level", "loud"], "--log-level: expected one of fatal, error"],
    [["--max-packet-size", "1TB"], "--max-packet-size: expected a size"],
    [["--name", "a b"], "--name: expected a letter or digit"],
    [["--device-pattern", "{device}/{attribute};ttl=x"], "--device-pattern: expected ttl= a time"],
    [["--device-pattern", "{device}/{attribute};x=1"], "--device-pattern: expected json="],
    [["--device-pattern", "a/b"], "--device-pattern: expected a topic with {device}"],
    [["--mqtt", "9000", "--ws", "9000"], "--ws: port 9000 is also that of --mqtt"],
    [["--config", "/nonexistent/x.yaml"], "--config /nonexistent/x.yaml: cannot be read (ENOENT)"],
    [["--config", "/dev/zero"], "--config /dev/zero: expected a file of at most 1048576 bytes"],
  ])("%j", (argv, message) => {
    expect(messageOf(argv)).toContain(message);
  });

  test("of the environment", () => {
    expect(messageOf([], { FLOCKMQ_VOTERS_MAX: "0" })).toContain("FLOCKMQ_VOTERS_MAX: expected");
  });

  test.each([
    ["mqtt: 1\nbogus: 2\n", ':2: unknown option "bogus"'],
    ["logLevel: info\n", '(did you mean "log-level"?)'],
    ["config: x\n", ':1: unknown option "config"'],
    ["cluster-secret: x\n", ':1: unknown option "cluster-secret"'],
    ["mqtt: [1, 2]\n", ":1: mqtt: expected a single value"],
    ["name: {a: 1}\n", ":1: name: expected a single value"],
    ["mqtt: 99999\n", "mqtt: expected [HOST:]PORT"],
    ["- mqtt\n", ":1: expected a mapping"],
    ["mqtt: 1\nmqtt: 2\n", "unique"],
    ["mqtt: 1\n  ws: : 2\n", ":"],
  ])("of the file %j", (text, message) => {
    expect(messageOf(["--config", file(text)])).toContain(message);
  });
});

describe("the file", () => {
  test("may be JSON, empty, and leave options out", () => {
    const json = file('{"mqtt": 1, "join": ["a:1", "b:2"], "allow-anonymous": true}', "f.json");
    expect(load(["--config", json]).config).toMatchObject({
      mqtt: { port: 1 },
      join: { addresses: ["a:1", "b:2"] },
      allowAnonymous: true,
    });
    expect(load(["--config", file("# nothing\n")]).sources.mqtt).toBe("default");
    expect(load(["--config", file("mqtt:\njoin: false\n")]).config.join).toBeNull();
    expect(load(["--config", file("join: true\n")]).config.join).toEqual({ addresses: [] });
  });
});

describe("listening beyond loopback", () => {
  const withTls = ["--tls-cert", "c.pem", "--tls-key", "k.pem"];

  test.each(["--mqtt", "--ws", "--http", "--mqtts", "--wss"])(
    "with %s needs users or --allow-anonymous",
    (flag) => {
      const flags = [...withTls, flag, "0.0.0.0:9000"];
      expect(messageOf(flags)).toContain(`${flag}: refusing to listen on 0.0.0.0`);
      expect(load([...flags, "--allow-anonymous"]).config.allowAnonymous).toBe(true);
      expect(load([...flags, "--users-file", "users"]).config.usersFile).toBe("users");
    },
  );

  test("needs nothing more where every client shows a certificate", () => {
    const flags = [...withTls, "--tls-ca", "ca.pem", "--tls-client-auth", "require"];
    expect(load([...flags, "--mqtts", "0.0.0.0:9000"]).config.mqtts.host).toBe("0.0.0.0");
    expect(messageOf([...flags, "--mqtt", "0.0.0.0:9000"])).toContain("--mqtt: refusing");
  });

  test.each([
    [["--tls-cert", "c.pem"], "--tls-key: expected beside --tls-cert"],
    [["--tls-key", "k.pem"], "--tls-cert: expected beside --tls-key"],
    [["--mqtts", "9000"], "--mqtts: expected --tls-cert beside it"],
    [["--http-tls"], "--http-tls: expected --tls-cert beside it"],
    [[...withTls, "--tls-client-auth", "request"], "--tls-ca: expected beside --tls-client-auth"],
    [
      [...withTls, "--tls-client-auth", "maybe"],
      "--tls-client-auth: expected one of off, request, require",
    ],
    [
      [...withTls, "--mqtts", "9000", "--mqtt", "9000"],
      "--mqtts: port 9000 is also that of --mqtt",
    ],
  ])("TLS by halves is an error: %s", (flags, message) => {
    expect(messageOf(flags)).toContain(message);
  });

  test.each(["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])("is not what %s does", (host) => {
    expect(load(["--mqtt", `${host}:9000`]).config.mqtt.port).toBe(9000);
  });
});

test("a misspelt variable is warned of", () => {
  expect(load([], { FLOCKMQ_MQQT: "1" }).warnings).toEqual([
    "FLOCKMQ_MQQT is set and is no option of this version",
  ]);
});

test("--help names every flag with its default, --version the version", () => {
  const help = loadConfig(["--help"], {}, "0.1.0");
  const text = help.kind === "print" ? help.text : "";
  for (const [, spec] of optionList) {
    expect(text).toContain(spec.flag === null ? "" : `--${spec.flag}`);
  }
  expect(text).toContain("--mqtt [HOST:]PORT");
  expect(loadConfig(["--version"], {}, "0.1.0")).toEqual({ kind: "print", text: "0.1.0\n" });
});

test("there are fewer than 60 options, each with its own name", () => {
  expect(optionList.length).toBeLessThan(60);
  const names = optionList.flatMap(([, { flag, env }]) => [flag, env]).filter((n) => n !== null);
  expect(new Set(names).size).toBe(names.length);
});
