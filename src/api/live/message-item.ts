import { isUtf8 } from "node:buffer";
import type { ApplicationMessage } from "../../mqtt/message.ts";
import { LivePacket } from "./packet.ts";
import type { RecentItem } from "./recent-feed.ts";

/** What a message takes besides its topic and payload, roughly. */
const overheadSizeBytes = 256;

/** A message that is encoded when somebody takes it: most of a flood are forgotten before. */
export class MessageItem implements RecentItem {
  readonly sizeBytes: number;
  readonly #payloadSizeBytesMax: number;
  readonly #isRetained: boolean;
  #message: ApplicationMessage | null;
  #packet: LivePacket | null = null;

  /** `isRetained` is what a subscriber sees: kept before it came, or published to be kept. */
  constructor(message: ApplicationMessage, isRetained: boolean, payloadSizeBytesMax: number) {
    this.sizeBytes = message.topic.length + message.payload.length + overheadSizeBytes;
    this.#message = message;
    this.#isRetained = isRetained;
    this.#payloadSizeBytesMax = payloadSizeBytesMax;
  }

  get packet(): LivePacket {
    if (this.#packet === null) {
      const message = this.#message as ApplicationMessage;
      this.#packet = LivePacket.of(bodyOf(message, this.#isRetained, this.#payloadSizeBytesMax));
      this.#message = null;
    }
    return this.#packet;
  }
}

function bodyOf(
  message: ApplicationMessage,
  retain: boolean,
  payloadSizeBytesMax: number,
): { readonly type: string } {
  const { topic, payload, qos, receivedAtMs, publisherId, version, properties } = message;
  const isTruncated = payload.length > payloadSizeBytesMax;
  const shown = isTruncated ? payload.subarray(0, payloadSizeBytesMax) : payload;
  // A character that was cut in two makes the rest look like no text; then it is shown as bytes.
  const content = isUtf8(shown)
    ? { payload: shown.toString() }
    : { payloadBase64: shown.toString("base64") };
  const body = {
    type: "message",
    topic,
    ...content,
    ...(isTruncated ? { isTruncated } : {}),
    sizeBytes: payload.length,
    qos,
    retain,
    timeMs: receivedAtMs,
    ...(publisherId === "" ? {} : { publisher: publisherId }),
    ...(version === 0 ? {} : { version }),
    ...(properties?.contentType === undefined ? {} : { contentType: properties.contentType }),
    ...(properties?.responseTopic === undefined ? {} : { responseTopic: properties.responseTopic }),
  };
  return body;
}
