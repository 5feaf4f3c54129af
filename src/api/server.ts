import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { type Clock, Counters, type Log } from "#cluster";
import { sayLastWords } from "../listeners/last-words.ts";
import type { TlsSettings } from "../listeners/listener.ts";
import { secureContext, tlsOptions } from "../listeners/tls.ts";
import { EventLoopDelay } from "../telemetry/event-loop-delay.ts";
import { checkAdmission } from "./admission.ts";
import type { ApiContext } from "./context.ts";
import { allowOrigins } from "./cors.ts";
import { readDashboard } from "./dashboard-files.ts";
import { bodySizeBytesMax, connectionsMax, requestTimeoutMs } from "./limits.ts";
import { defaultLiveLimits, type LiveLimits } from "./live/limits.ts";
import { LiveFeeds } from "./live/live-feeds.ts";
import { type Admit, type ApiUsers, checkLogin, loginChallenge } from "./login.ts";
import { collectOperations, registerOpenApi } from "./openapi.ts";
import type { NodePort } from "./ports.ts";
import { ApiError, problem, problemOf, sendProblem } from "./problem.ts";
import { limitRate } from "./rate-limit.ts";
import { Rates } from "./rates.ts";
import { registerAttributes } from "./routes/attributes.ts";
import { registerClients } from "./routes/clients.ts";
import { registerCluster } from "./routes/cluster.ts";
import { registerCommands } from "./routes/commands.ts";
import { registerDashboard } from "./routes/dashboard.ts";
import { DeviceBodies } from "./routes/device-body.ts";
import { registerDevices } from "./routes/devices.ts";
import { registerHealth } from "./routes/health.ts";
import { registerLive } from "./routes/live.ts";
import { registerPublish } from "./routes/publish.ts";
import { registerRetained } from "./routes/retained.ts";
import { registerRetainedList } from "./routes/retained-list.ts";
import { registerShadow } from "./routes/shadow.ts";
import { rateSums, registerStats, statsBody } from "./routes/stats.ts";
import { registerStatsHistory } from "./routes/stats-history.ts";
import { registerSubscriptions } from "./routes/subscriptions.ts";
import { Scans } from "./scans.ts";
import { type ApiSettings, defaultApiSettings } from "./settings.ts";
import { StatsHistory } from "./stats-history.ts";
import { serveViewers } from "./upgrade.ts";
import { useSchemas } from "./validation.ts";

export interface ApiOptions {
  readonly node: NodePort;
  readonly clock: Clock;
  readonly log: Log;
  /** False: only requests that come from this machine by its own names are answered. */
  readonly isOpen: boolean;
  /** Whoever asks from elsewhere has to log in as one of them; null: nobody has to. Decides in place of `isOpen`. */
  readonly users?: ApiUsers | null;
  /** With it the port speaks HTTPS. */
  readonly tls?: TlsSettings | null;
  readonly liveLimits?: LiveLimits;
  /** Where the built dashboard lies; without it, its pages are 404. */
  readonly dashboardDirectory?: string;
  readonly settings?: ApiSettings;
}

/** How often that is looked at, and as much later it may come. */
const requestCheckMs = 1_000;
const serverOptions = {
  connectionsCheckingInterval: requestCheckMs,
  headersTimeout: requestTimeoutMs,
  requestTimeout: requestTimeoutMs,
};

export class ApiServer {
  /** For tests: `inject` answers without a socket. */
  readonly app: FastifyInstance;
  readonly #context: ApiContext;
  readonly #tlsServer: TlsServer | null;

  constructor(options: ApiOptions) {
    const { node, clock, log } = options;
    const bodies = new DeviceBodies(node);
    const live = new LiveFeeds({
      ...{ node, clock, deviceBody: (device) => bodies.bodyOf(device) },
      limits: options.liveLimits ?? defaultLiveLimits,
      stats: () => statsBody(this.#context),
    });
    const rates = new Rates(clock, () => rateSums(node));
    const dashboard = readDashboard(options.dashboardDirectory ?? null);
    const eventLoopDelay = new EventLoopDelay(clock);
    const counters = new Counters();
    const settings = options.settings ?? defaultApiSettings;
    this.#context = {
      ...{ node, clock, log, rates, live, dashboard, eventLoopDelay, counters, settings },
      history: new StatsHistory(node, clock),
      scans: new Scans(clock, counters),
    };
    this.#tlsServer = options.tls
      ? createTlsServer({ ...serverOptions, ...tlsOptions({ ...options.tls, clientAuth: "off" }) })
      : null;
    const server = this.#tlsServer ?? createServer(serverOptions);
    this.app = createApp(this.#context, admissionOf(options), server);
  }

  /** Handshakes from now on use these. */
  renewTls(settings: TlsSettings): void {
    this.#tlsServer?.setSecureContext(secureContext(settings));
  }

  /** Rejects with the system's error (EADDRINUSE, EACCES, ...). Answers the port. */
  async listen(host: string, port: number): Promise<number> {
    await this.app.listen({ host, port });
    this.app.server.maxConnections = connectionsMax;
    const address = this.app.server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** Says goodbye to viewers; requests are answered on. */
  stopFeed(): void {
    this.#context.live.stop();
  }

  /** Says goodbye to viewers and closes every connection. */
  async close(): Promise<void> {
    this.#context.rates.stop();
    this.#context.eventLoopDelay.stop();
    this.#context.history.stop();
    this.#context.live.stop();
    await this.app.close();
  }
}

function createApp(context: ApiContext, admit: Admit, server: Server): FastifyInstance {
  const app = fastify({
    logger: false,
    serverFactory: (handler: RequestListener): Server => server.on("request", handler),
    bodyLimit: bodySizeBytesMax,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, problemOf(error)),
    clientErrorHandler: ({ code }, socket) => {
      const status = statusOf(code);
      const headers = "content-length: 0\r\nconnection: close";
      if (socket.writable) sayLastWords(socket, `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`);
      else socket.destroy();
    },
  });
  // A browser may send text/plain to any site without asking; JSON it may not.
  app.removeContentTypeParser("text/plain");
  const { corsOrigins, requestsPerSecondMax } = context.settings;
  limitRate(app, requestsPerSecondMax, context);
  allowOrigins(app, corsOrigins);
  app.addHook("onRequest", async (request, reply) => {
    try {
      await admit(request.raw);
    } catch (error) {
      if (error instanceof ApiError && error.statusCode === 401) {
        reply.header("www-authenticate", loginChallenge);
      }
      throw error;
    }
  });
  useSchemas(app);
  const routes = collectRoutes(app);
  app.setErrorHandler((error, request, reply) => {
    const body = problemOf(error);
    if (body.status === 500) {
      context.log.error({ err: error, url: request.url }, "request failed");
    }
    return sendProblem(reply, body);
  });
  app.setNotFoundHandler((request, reply) => refuseUnknown(routes, request.url, reply));
  collectOperations(app, context.node.version);
  // After the collector, which is loaded first.
  app.register(async (scope) => registerRoutes(scope, context));
  serveViewers(app.server, context, admit);
  return app;
}

function admissionOf({ isOpen, users = null, settings }: ApiOptions): Admit {
  const { corsOrigins } = settings ?? defaultApiSettings;
  if (users !== null) return (request) => checkLogin(request, users, corsOrigins);
  return isOpen ? () => undefined : ({ headers }) => checkAdmission(headers, corsOrigins);
}

/** For a request that never became one. */
function statusOf(code: string): string {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  return code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
}

function registerRoutes(app: FastifyInstance, context: ApiContext): void {
  registerHealth(app, context);
  registerStats(app, context);
  registerDevices(app, context);
  registerAttributes(app, context);
  registerShadow(app, context);
  registerRetained(app, context);
  registerRetainedList(app, context);
  registerPublish(app, context);
  registerCommands(app, context);
  registerClients(app, context);
  registerSubscriptions(app, context);
  registerStatsHistory(app, context);
  registerCluster(app, context);
  registerLive(app, context);
  registerOpenApi(app);
  registerDashboard(app, context.dashboard);
}

type RouteTable = Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>;

/** Remembers every route, to tell an unknown path from a known one with another method. */
function collectRoutes(app: FastifyInstance): RouteTable {
  const routes: RouteTable = new Map();
  app.addHook("onRoute", ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/:[A-Za-z]+/g, "[^/]+").replace("*", ".+")}$`);
    const route = routes.get(url) ?? { pattern, methods: new Set() };
    for (const name of [method].flat()) {
      route.methods.add(name);
    }
    routes.set(url, route);
  });
  return routes;
}

function refuseUnknown(routes: RouteTable, url: string, reply: FastifyReply): FastifyReply {
  const path = url.split("?")[0] ?? "";
  const known = [...routes.values()].find(({ pattern }) => pattern.test(path));
  if (known === undefined) {
    return sendProblem(reply, problem(404, "unknown-path", `nothing at ${path.slice(0, 200)}`));
  }
  const allowed = [...known.methods].sort().join(", ");
  reply.header("allow", allowed);
  return sendProblem(reply, problem(405, "method-not-allowed", `expected ${allowed}`));
}
