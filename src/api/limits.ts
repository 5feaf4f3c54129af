/** Every bound of the HTTP API that is not of one of its feeds. What happens at each stands in `docs/limits.md`. */

/** Of a request; routes that take messages have their own. */
export const bodySizeBytesMax = 65_536;
export const requestTimeoutMs = 10_000;
export const connectionsMax = 10_000;
export const rateLimitAddressesMax = 5000;

export const pageEntriesMax = 1000;
/** Walks over everything at once, which lists are made of. */
export const scansMax = 16;
export const retainedPageSizeBytesMax = 4_194_304;
/** UTF-16 units. */
export const subscriptionsPageLengthMax = 4_000_000;
/** Of one client, with its detail. */
export const subscriptionsShownMax = 1000;
export const peerAnswerMs = 2000;

/** The payload of a packet in base64, and what stands beside it. */
export const publishBodySizeBytesMax = 2_097_152;
export const bulkBodySizeBytesMax = 8_388_608;
export const bulkMessagesMax = 1000;
export const commandWaitMs = 60_000;

export const historyStepMs = 10_000;
export const historyPointsMax = 360;
