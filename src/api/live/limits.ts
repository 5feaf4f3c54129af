export interface LiveLimits {
  /** Of all kinds together. Beyond: WebSockets are closed with 1013, event streams get 503; `viewersRefused`. */
  readonly viewersMax: number;
  /** A viewer with more than this unread gets nothing (`batchesSkipped`), and what is newest by then once it has read. */
  readonly bufferedSizeBytesMax: number;
  /** A viewer that has not answered the last ping when the next is due is cut off; `viewersLost`. */
  readonly pingMs: number;
  /** Viewers that come within this time share what is encoded for them; also the pause between two parts of much. */
  readonly welcomeMs: number;
  /** What one viewer gets in one turn of the event loop; the rest follows soon. */
  readonly sizeBytesPerTurnMax: number;
  /** Of a viewer's `interval`. */
  readonly intervalMinMs: number;
  readonly intervalMaxMs: number;
  /** Devices in one text; more take several. */
  readonly devicesPerBatchMax: number;
  /** Devices whose last change is remembered; a viewer further behind gets all devices again. */
  readonly changesKeptMax: number;
  /** Devices that one viewer may name. */
  readonly deviceIdsMax: number;
  /** Different `where` expressions that viewers follow at the same time; beyond: 503; `viewerConditionsRefused`. */
  readonly conditionsMax: number;
  /** Devices that one of them is asked of in one turn of the event loop; the rest follows after `welcomeMs`. */
  readonly matchesPerTurnMax: number;
  /** Topic filters of one viewer. */
  readonly filtersPerViewerMax: number;
  /** Messages kept for those viewers of the same filters that have not read them; the oldest goes, and they are told. */
  readonly messagesKeptMax: number;
  readonly messagesKeptSizeBytesMax: number;
  /** Payload bytes of a message that are shown; the rest is left out, with `isTruncated`. */
  readonly payloadSizeBytesMax: number;
  /** Retained messages that a viewer gets when it begins; it is told how many more there are. */
  readonly retainedPerViewerMax: number;
  /** What a viewer may say in one piece; beyond: closed with 1009. */
  readonly requestSizeBytesMax: number;
  /** Requests of one viewer that wait for their turn; beyond: closed with 1008. */
  readonly requestsWaitingMax: number;
  /** How often the cluster is asked for its state while somebody watches it. */
  readonly clusterIntervalMs: number;
  /** Cluster events kept for viewers that have not read them. */
  readonly eventsKeptMax: number;
}

export const defaultLiveLimits: LiveLimits = {
  viewersMax: 5000,
  bufferedSizeBytesMax: 262_144,
  pingMs: 30_000,
  welcomeMs: 10,
  sizeBytesPerTurnMax: 1_048_576,
  intervalMinMs: 50,
  intervalMaxMs: 60_000,
  devicesPerBatchMax: 1000,
  changesKeptMax: 200_000,
  deviceIdsMax: 1000,
  conditionsMax: 64,
  matchesPerTurnMax: 2000,
  filtersPerViewerMax: 64,
  messagesKeptMax: 1000,
  messagesKeptSizeBytesMax: 1_048_576,
  payloadSizeBytesMax: 65_536,
  retainedPerViewerMax: 1000,
  requestSizeBytesMax: 65_536,
  requestsWaitingMax: 8,
  clusterIntervalMs: 1000,
  eventsKeptMax: 100,
};
