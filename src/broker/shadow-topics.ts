/** What a client asks of a shadow by publishing to its topic. */
export type ShadowAction = "update" | "get" | "delete";

export interface ShadowTopic {
  readonly device: string;
  readonly action: ShadowAction;
  /** What the topics of the answers begin with. */
  readonly base: string;
}

export const deviceTopics = "$devices/";
export const awsTopics = "$aws/things/";

const actions: ReadonlySet<string> = new Set(["update", "get", "delete"]);

/** `$devices/{id}/shadow/...`, and with the alias also as the AWS shadow service calls it: `$aws/things/{id}/shadow/...`. */
export class ShadowTopics {
  readonly prefixes: readonly string[];

  constructor(isAwsAliasOn: boolean) {
    this.prefixes = isAwsAliasOn ? [deviceTopics, awsTopics] : [deviceTopics];
  }

  /** Null when the topic asks nothing; "reserved" when only the broker itself publishes there. */
  parse(topic: string): ShadowTopic | "reserved" | null {
    // Nearly every topic ends here.
    if (topic.charCodeAt(0) !== 0x24) return null;
    const prefix = this.prefixes.find((each) => topic.startsWith(each));
    if (prefix === undefined) return null;
    const [device = "", word, action = "", ...rest] = topic.slice(prefix.length).split("/");
    if (word !== "shadow" || device === "") return null;
    if (!actions.has(action)) return null;
    if (rest.length > 0) return "reserved";
    return { device, action: action as ShadowAction, base: `${prefix}${device}/shadow` };
  }

  /** Of every name that the shadow of a device has. */
  basesOf(device: string): readonly string[] {
    return this.prefixes.map((prefix) => `${prefix}${device}/shadow`);
  }
}
