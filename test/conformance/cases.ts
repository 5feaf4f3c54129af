import type { Chapter } from "./case.ts";
import { authentication } from "./cases/authentication.ts";
import { connect } from "./cases/connect.ts";
import { ending } from "./cases/ending.ts";
import { format } from "./cases/format.ts";
import { limits } from "./cases/limits.ts";
import { publish } from "./cases/publish.ts";
import { retained } from "./cases/retained.ts";
import { session } from "./cases/session.ts";
import { subscribe } from "./cases/subscribe.ts";
import { topics } from "./cases/topics.ts";
import { websocket } from "./cases/websocket.ts";
import { will } from "./cases/will.ts";

/** The whole suite, in the order of the specification as far as it has one. */
export const chapters: readonly Chapter[] = [
  format,
  connect,
  authentication,
  will,
  publish,
  retained,
  subscribe,
  ending,
  session,
  topics,
  limits,
  websocket,
];
