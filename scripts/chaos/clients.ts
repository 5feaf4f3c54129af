import mqtt, { type IClientOptions, type MqttClient } from "mqtt";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An MQTT.js client that moves on to the next of the ports of this machine when its broker does not answer. */
export function connectTo(
  ports: readonly number[],
  first: number,
  options: IClientOptions = {},
): MqttClient {
  const addresses = ports.map((port) => ({ host: "127.0.0.1", port }));
  return connectToAddresses(addresses, first, options);
}

export function connectToAddresses(
  addresses: readonly Address[],
  first: number,
  options: IClientOptions = {},
): MqttClient {
  // Every client goes round in its own direction and stride, or all would end up on the node behind the one that died.
  const stride = addresses.length % 2 === 1 ? 1 + (first % 2) : 1;
  const servers = addresses.map((_, i) => ({
    ...(addresses[(first + i * stride) % addresses.length] as Address),
    protocol: "mqtt" as const,
  }));
  const client = mqtt.connect({
    servers,
    protocolVersion: 5,
    reconnectPeriod: 100,
    connectTimeout: 3000,
    keepalive: 3,
    queueQoSZero: false,
    resubscribe: false,
    ...options,
  });
  // Refused and lost connections are what a chaos run is about; the client library tries again.
  client.on("error", () => undefined);
  return client;
}

/** Resolves when connected; rejects after `timeoutMs`. */
export function connected(client: MqttClient, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (client.connected) return resolve();
    const timer = setTimeout(() => reject(new Error("no broker accepted the client")), timeoutMs);
    client.once("connect", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
