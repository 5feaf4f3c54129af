import type { ProposalOutcome } from "#cluster";
import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import { encodeCommand } from "../replica/commands.ts";
import type { DeletedResult, Fence, ShadowResult } from "../replica/replica-api.ts";
import type { Commits } from "./commits.ts";
import type { BrokerContext } from "./context.ts";
import { BrokerError } from "./errors.ts";
import { ReadGate } from "./read-gate.ts";
import {
  acceptedBody,
  deletedBody,
  deltaBody,
  documentsBody,
  getBody,
  parseQuestion,
  parseUpdate,
  rejectedBody,
  type ShadowRejection,
  type ShadowUpdate,
} from "./shadow-messages.ts";
import type { ShadowTopic, ShadowTopics } from "./shadow-topics.ts";

/** Who asks, and under which claim. */
interface Asker {
  readonly source: string;
  readonly fence: Fence;
}

const tooMany: ShadowRejection = { code: 429, message: "too many requests wait; try again later" };
const noQuorum: ShadowRejection = { code: 500, message: "no majority of nodes answered in time" };

/**
 * What devices are to be and what they report, by topics: a request is answered on `.../accepted` once it is in the log, or on
 * `.../rejected`; who is interested hears of `/update/delta` and `/update/documents`. The answers are ordinary messages at QoS 1.
 */
export class Shadows {
  readonly topics: ShadowTopics;
  readonly #context: BrokerContext;
  readonly #commits: Commits;
  readonly #publish: (message: ApplicationMessage) => void;
  readonly #gate: ReadGate;
  #waiting = 0;

  constructor(
    context: BrokerContext,
    commits: Commits,
    topics: ShadowTopics,
    publish: (message: ApplicationMessage) => void,
  ) {
    this.#context = context;
    this.#commits = commits;
    this.topics = topics;
    this.#publish = publish;
    this.#gate = new ReadGate(context);
  }

  /** A client published to the topic of a request. */
  received(topic: ShadowTopic, payload: Buffer, asker: Asker): void {
    this.#context.counters.shadowRequests++;
    if (this.#waiting >= this.#context.limits.shadowRequestsWaitingMax) {
      this.#reject(topic, tooMany, undefined);
      return;
    }
    if (topic.action === "update") this.#update(topic, payload, asker);
    else this.#ask(topic, payload, asker);
  }

  /** For the HTTP API. Rejects with BrokerError. */
  async set(device: string, update: ShadowUpdate): Promise<ShadowResult> {
    const proposal = await new Promise<ProposalOutcome>((resolve) => {
      this.#proposeUpdate(device, update, { source: "", fence: "none" }, resolve);
    });
    if (proposal.status !== "applied") throw failureOf(proposal.status);
    const result = proposal.result as ShadowResult;
    if (result.currentVersion !== undefined) {
      const { currentVersion } = result;
      const found = currentVersion === 0 ? "there is nothing" : `the version is ${currentVersion}`;
      const details = { currentVersion };
      throw new BrokerError("version-conflict", `nothing was written: ${found}`, details);
    }
    if (result.refusal !== undefined) {
      throw new BrokerError("too-large", `nothing was written: ${refusalText(result)}`);
    }
    this.#tellOthers(device, result, undefined);
    return result;
  }

  /** For the HTTP API: false when there was no such device. Rejects with BrokerError. */
  async delete(device: string): Promise<boolean> {
    const proposal = await new Promise<ProposalOutcome>((resolve) => {
      this.#proposeDelete(device, { source: "", fence: "none" }, resolve);
    });
    if (proposal.status !== "applied") throw failureOf(proposal.status);
    return (proposal.result as DeletedResult).isDeleted;
  }

  #update(topic: ShadowTopic, payload: Buffer, asker: Asker): void {
    const parsed = parseUpdate(payload);
    if ("rejection" in parsed) {
      this.#reject(topic, parsed.rejection, undefined);
      return;
    }
    const update = parsed.value;
    const { clientToken } = update;
    this.#proposeUpdate(topic.device, update, asker, (proposal) => {
      const rejection = rejectionOf(proposal);
      if (rejection !== null) {
        this.#reject(topic, rejection, clientToken);
        return;
      }
      const result = (proposal as { readonly result: ShadowResult }).result;
      const stamp = { version: result.version, timeMs: result.timeMs ?? 0, clientToken };
      this.#say(`${topic.base}/update/accepted`, acceptedBody(update, stamp));
      this.#tellOthers(topic.device, result, clientToken);
    });
  }

  #ask(topic: ShadowTopic, payload: Buffer, asker: Asker): void {
    const parsed = parseQuestion(payload);
    if ("rejection" in parsed) this.#reject(topic, parsed.rejection, undefined);
    else if (topic.action === "get") this.#get(topic, parsed.value.clientToken);
    else this.#delete(topic, asker, parsed.value.clientToken);
  }

  #get(topic: ShadowTopic, clientToken: string | undefined): void {
    this.#waiting++;
    this.#gate.pass((isInStep) => {
      this.#waiting--;
      const document = this.#context.replica.shadowOf(topic.device);
      if (!isInStep) this.#reject(topic, noQuorum, clientToken);
      else if (document === null) this.#reject(topic, unknownDevice(topic), clientToken);
      else {
        const timeMs = this.#context.clock.wallMs();
        const body = getBody(document, { version: document.version, timeMs, clientToken });
        this.#say(`${topic.base}/get/accepted`, body);
      }
    });
  }

  #delete(topic: ShadowTopic, asker: Asker, clientToken: string | undefined): void {
    this.#proposeDelete(topic.device, asker, (proposal) => {
      const rejection = rejectionOf(proposal);
      if (rejection !== null) {
        this.#reject(topic, rejection, clientToken);
        return;
      }
      const { isDeleted, version, timeMs } = (proposal as { readonly result: DeletedResult })
        .result;
      if (!isDeleted) this.#reject(topic, unknownDevice(topic), clientToken);
      else {
        this.#say(`${topic.base}/delete/accepted`, deletedBody({ version, timeMs, clientToken }));
      }
    });
  }

  #proposeUpdate(
    device: string,
    { desired, reported, version }: ShadowUpdate,
    asker: Asker,
    done: (proposal: ProposalOutcome) => void,
  ): void {
    if (reported === null) this.#commits.flush();
    else if (reported !== undefined) this.#commits.sendBefore(device, Object.keys(reported));
    const command = encodeCommand({
      ...{ type: "shadow", device, ...asker },
      ...(desired === undefined ? {} : { desired }),
      ...(reported === undefined ? {} : { reported }),
      ...(version === undefined ? {} : { expectedVersion: version }),
    });
    this.#propose(command, done);
  }

  #proposeDelete(device: string, asker: Asker, done: (proposal: ProposalOutcome) => void): void {
    // Or the device would be back.
    this.#commits.flush();
    this.#propose(encodeCommand({ type: "delete-device", device, ...asker }), done);
  }

  #propose(command: Buffer, done: (proposal: ProposalOutcome) => void): void {
    const { cluster, limits } = this.#context;
    this.#waiting++;
    cluster.propose(command, limits.commitTimeoutMs, (proposal) => {
      this.#waiting--;
      done(proposal);
    });
  }

  #tellOthers(device: string, result: ShadowResult, clientToken: string | undefined): void {
    const { previous, current, version, timeMs = 0 } = result;
    if (previous === undefined || current === undefined) return;
    const stamp = { version, timeMs, clientToken };
    const delta = deltaBody(current, stamp);
    const documents = documentsBody(previous, current, stamp);
    for (const base of this.topics.basesOf(device)) {
      if (delta !== null) this.#say(`${base}/update/delta`, delta);
      this.#say(`${base}/update/documents`, documents);
    }
  }

  #reject(
    { base, action }: ShadowTopic,
    rejection: ShadowRejection,
    clientToken: string | undefined,
  ): void {
    this.#context.counters.shadowRequestsRejected++;
    const body = rejectedBody(rejection, this.#context.clock.wallMs(), clientToken);
    this.#say(`${base}/${action}/rejected`, body);
  }

  #say(topic: string, body: object): void {
    const message = createMessage({
      ...{ topic, payload: Buffer.from(JSON.stringify(body)), qos: 1, retain: false },
      ...{ properties: null, receivedAtMs: this.#context.clock.wallMs() },
      ...{ publisherId: "", version: 0 },
    });
    this.#publish(message);
  }
}

/** Null when it was done. */
function rejectionOf(proposal: ProposalOutcome): ShadowRejection | null {
  if (proposal.status !== "applied") return proposal.status === "rejected" ? tooMany : noQuorum;
  const result = proposal.result as (ShadowResult & { readonly isDeleted?: boolean }) | null;
  if (result === null) return { code: 500, message: "the request was not understood" };
  if (result.isFenced) return { code: 403, message: "the client is connected elsewhere by now" };
  if (result.currentVersion !== undefined) {
    return { code: 409, message: `version conflict: the version is ${result.currentVersion}` };
  }
  if (result.refusal === undefined) return null;
  return { code: result.refusal === "name" ? 400 : 413, message: refusalText(result) };
}

function refusalText({ refusal }: ShadowResult): string {
  switch (refusal) {
    case "name":
      return "a name is empty, too long or contains U+0000";
    case "too-many-devices":
      return "there are too many devices";
    case "too-many-attributes":
      return "the device has too many attributes";
    default:
      return "a section or field is too large or too deep";
  }
}

function unknownDevice({ device }: ShadowTopic): ShadowRejection {
  return { code: 404, message: `no shadow exists with name: '${device.slice(0, 128)}'` };
}

function failureOf(status: "rejected" | "unknown"): BrokerError {
  return status === "rejected"
    ? new BrokerError("overloaded", "too many writes wait for the log")
    : new BrokerError("no-quorum", "the write could not be confirmed in time");
}
