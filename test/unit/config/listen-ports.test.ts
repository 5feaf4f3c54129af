import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type LoadedConfig, loadConfig } from "../../../src/config/config.ts";
import { portRequest } from "../../../src/config/listen-ports.ts";
import { bindNextFree, checkFixedPorts } from "../../../src/port-binding.ts";

function load(...argv: readonly string[]): LoadedConfig {
  const result = loadConfig(argv, {}, "0.1.0");
  if (result.kind !== "loaded") {
    throw new Error("expected a configuration");
  }
  return result;
}

async function takenPort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("a port", () => {
  test("asked for by name is fixed; 0 is any", () => {
    expect(portRequest("mqtt", load("--mqtt", "1884"), { mqtt: 1890 })).toEqual({
      host: "127.0.0.1",
      port: 1884,
      isPortFixed: true,
      optionName: "--mqtt",
    });
    expect(portRequest("mqtt", load("--mqtt", "0"), null)).toMatchObject({ isPortFixed: false });
  });

  test("by default is the one used last, unless that was asked for by name then", () => {
    const port = (saved: Record<string, number> | null) => portRequest("mqtt", load(), saved).port;
    expect(port(null)).toBe(1883);
    expect(port({ mqtt: 1886 })).toBe(1886);
    expect(port({ mqtt: 9999 })).toBe(1883);
  });

  test("by default keeps off those that other options name", () => {
    expect(portRequest("http", load("--mqtt", "8080", "--ws", "8081"), null).port).toBe(8082);
  });
});

describe("binding", () => {
  test("moves a default on, as far as need be", async () => {
    const tried: number[] = [];
    const listen = async (_host: string, port: number): Promise<number> => {
      tried.push(port);
      if (port < 8083) {
        throw Object.assign(new Error("taken"), { code: "EADDRINUSE" });
      }
      return port;
    };
    expect(await bindNextFree(portRequest("http", load(), null), listen)).toBe(8083);
    expect(tried).toEqual([8080, 8081, 8082, 8083]);
  });

  test("refuses a named port that is taken, before anything else is done", async () => {
    const port = await takenPort();
    await expect(checkFixedPorts(load("--ws", String(port)))).rejects.toMatchObject({
      message: `--ws: port ${port} of 127.0.0.1 is taken; stop what uses it or choose another`,
      exitCode: 1,
    });
    await checkFixedPorts(load());
  });

  test("names the option when the address is not of this machine", async () => {
    const loaded = load("--mqtt", "192.0.2.1:1883", "--allow-anonymous");
    await expect(checkFixedPorts(loaded)).rejects.toThrow(
      "--mqtt: cannot listen on 192.0.2.1:1883 (EADDRNOTAVAIL)",
    );
  });
});
