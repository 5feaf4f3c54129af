import type { AttributeWrite, PublishRequest, PublishResult } from "../api/ports.ts";
import { createMessage } from "../mqtt/message.ts";
import { topicNameProblem } from "../mqtt/topic.ts";
import type { Commits } from "./commits.ts";
import type { BrokerContext } from "./context.ts";
import { BrokerError } from "./errors.ts";
import type { PublishFlow } from "./publish.ts";
import type { CommitOutcome } from "./publish-queue.ts";

/** What no client wrote but the HTTP API: answered when the promise is true, refused with BrokerError. */
export class OwnWrites {
  readonly #context: BrokerContext;
  readonly #publishes: PublishFlow;
  readonly #commits: Commits;

  constructor(context: BrokerContext, publishes: PublishFlow, commits: Commits) {
    this.#context = context;
    this.#publishes = publishes;
    this.#commits = commits;
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    const { topic, payload, expectedVersion } = request;
    const problem = topicNameProblem(topic);
    if (problem !== null) throw new BrokerError("topic-invalid", problem, { topic });
    if (topic.startsWith("$SYS/")) {
      throw new BrokerError("not-authorized", "$SYS is the broker's own", { topic });
    }
    if (payload.length > this.#context.limits.maximumPacketSizeBytes) {
      throw new BrokerError("too-large", "the payload is larger than a packet may be", { topic });
    }
    const message = createMessage({
      topic,
      payload,
      qos: request.qos,
      retain: request.retain,
      properties: request.properties ?? null,
      receivedAtMs: this.#context.clock.wallMs(),
      publisherId: "",
      version: 0,
    });
    return new Promise((resolve, reject) => {
      this.#publishes.publishOwn(
        message,
        (outcome, matched, delivery) => {
          const isCommitted = outcome.status === "committed";
          if (isCommitted) resolve({ matched, delivery, version: outcome.version });
          else reject(refusalOf(outcome));
        },
        expectedVersion,
      );
    });
  }

  async setAttribute(write: AttributeWrite): Promise<{ version: number }> {
    const { device, attribute, value, expectedVersion } = write;
    return new Promise((resolve, reject) => {
      this.#commits.setAttribute({ device, attribute, value }, expectedVersion, (outcome) => {
        if (outcome.status === "committed") resolve({ version: outcome.version });
        else reject(refusalOf(outcome));
      });
    });
  }
}

function refusalOf(outcome: Exclude<CommitOutcome, { status: "committed" }>): BrokerError {
  switch (outcome.status) {
    case "conflict": {
      const { currentVersion } = outcome;
      const found = currentVersion === 0 ? "there is nothing" : `the version is ${currentVersion}`;
      return new BrokerError("version-conflict", `nothing was written: ${found}`, {
        currentVersion,
      });
    }
    case "refused":
      return new BrokerError("overloaded", "too many writes wait for the log, or a limit was hit");
    case "timeout":
      return new BrokerError("no-quorum", "the write could not be confirmed in time");
  }
}
