/** A command that is known by name. */
export interface PredefinedCommand {
  readonly name: string;
  /** What is sent to the device. */
  readonly payload: string;
}

/** What an operator may choose of the API. */
export interface ApiSettings {
  /** Where commands go; `{device}` is the device. */
  readonly commandTopic: string;
  readonly commands: readonly PredefinedCommand[];
  /** Pages of these origins may use the API; "*" = of any. */
  readonly corsOrigins: readonly string[];
  /** Of one address in a second; beyond: 429. 0 = as many as come. */
  readonly requestsPerSecondMax: number;
}

export const defaultApiSettings: ApiSettings = {
  commandTopic: "orin/{device}/command",
  commands: ["tracking", "slam", "none"].map((name) => ({ name, payload: name })),
  corsOrigins: [],
  requestsPerSecondMax: 1000,
};
