import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { type LoadedConfig, loadConfig } from "../../../src/config/config.ts";
import { portRequest } from "../../../src/config/listen-ports.ts";
import { bindNextFree, checkFixedPorts } from "../../../src/port-binding.ts";
import { refuseSecondCluster } from "../../../src/shared-ports.ts";

function load(...argv: readonly string[]): LoadedConfig {
  const result = loadConfig(argv, {}, "0.1.0");
  if (result.kind !== "loaded") {
    throw new Error("expected a configuration");
  }
  return result;
}

async function takenPort(options: { readonly reusePort?: boolean } = {}): Promise<number> {
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", ...options });
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
      isShared: false,
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

describe("with --reuse-port", () => {
  test("a client port stays where it is, since the others are there", () => {
    const certificate = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    const loaded = load("--reuse-port", "--wss", "9443", ...certificate);
    const shared = { isPortFixed: true, isShared: true };
    expect(portRequest("mqtt", loaded, { mqtt: 1886 })).toMatchObject({ port: 1883, ...shared });
    expect(portRequest("ws", loaded, null)).toMatchObject({ port: 8083, ...shared });
    expect(portRequest("mqtts", loaded, null)).toMatchObject({ port: 8883, ...shared });
    expect(portRequest("wss", loaded, null)).toMatchObject({ port: 9443, ...shared });
  });

  test("each node keeps an HTTP and a peer port of its own, and so does whoever takes any free one", () => {
    const loaded = load("--reuse-port", "--mqtt", "0");
    expect(portRequest("http", loaded, { http: 8081 })).toMatchObject({
      port: 8081,
      isPortFixed: false,
      isShared: false,
    });
    expect(portRequest("peer", loaded, null).isShared).toBe(false);
    expect(portRequest("mqtt", loaded, null)).toMatchObject({
      isPortFixed: false,
      isShared: false,
    });
  });

  test("a port that another process shares is free, and one that it does not share is taken", async () => {
    const shared = await takenPort({ reusePort: true });
    await checkFixedPorts(load("--reuse-port", "--mqtt", String(shared), "--ws", "0"));
    const taken = await takenPort();
    await expect(
      checkFixedPorts(load("--reuse-port", "--mqtt", String(taken), "--ws", "0")),
    ).rejects.toMatchObject({
      message: `--mqtt: port ${taken} of 127.0.0.1 is taken by what does not share it; start that with --reuse-port, too, or choose another`,
      exitCode: 1,
    });
  });

  test("says so where the system cannot do it", async () => {
    const listen = async (): Promise<number> => {
      throw Object.assign(new Error("not supported"), { code: "ENOTSUP" });
    };
    await expect(
      bindNextFree(portRequest("mqtt", load("--reuse-port"), null), listen),
    ).rejects.toThrow("--reuse-port: this system does not let processes share a port (ENOTSUP)");
  });

  test("a node that is alone in its cluster does not get between the clients of another", async () => {
    const port = await takenPort({ reusePort: true });
    const request = portRequest("mqtt", load("--reuse-port", "--mqtt", String(port)), null);
    await expect(refuseSecondCluster([request])).rejects.toThrow(
      `--reuse-port: a node of another cluster listens on 127.0.0.1:${port}`,
    );
    await refuseSecondCluster([{ ...request, isShared: false }]);
    await refuseSecondCluster([{ ...request, port: 1 }]);
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
