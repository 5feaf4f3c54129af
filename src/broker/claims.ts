import { ReasonCode } from "../mqtt/reason-code.ts";
import { encodeCommand } from "../replica/commands.ts";
import { replicaLimits } from "../replica/limits.ts";
import type { ClaimResult, Will } from "../replica/replica-api.ts";
import { areEqualBounds, type QueueBounds, usualBounds } from "../replica/sessions/queue-bounds.ts";
import type { SessionLimits } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";

const retryMs = 1000;

export type ClaimDecision =
  | ({ readonly status: "claimed" } & ClaimResult)
  /** No quorum in time; the claim goes on in the background. */
  | { readonly status: "provisional" }
  | { readonly status: "refused"; readonly reasonCode: number };

export interface ClaimRequest {
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly expirySeconds: number;
  readonly will: Will | null;
  /** A session that ends with its connection may begin without a quorum. */
  readonly isProvisionalAllowed: boolean;
  /** Exactly once. */
  decided(decision: ClaimDecision): void;
  /** After "provisional", when the claim was applied after all. */
  appliedLate(epoch: number): void;
  /** After "provisional": is the claim still worth repeating? */
  isStillWanted(): boolean;
  /** Given up, although the log may have it by now or get it still. */
  lost(): void;
}

/** Brings the claim of a client identifier to the log: one client, one live connection, fenced by an epoch. */
export class Claims {
  readonly #context: BrokerContext;
  /** By client: how many are on their way to the log. */
  readonly #open = new Map<string, number>();

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  isOpen(clientId: string): boolean {
    return this.#open.has(clientId);
  }

  claim(request: ClaimRequest): void {
    let isProvisional = false;
    const cancelTimer = request.isProvisionalAllowed
      ? this.#context.clock.after(this.#context.limits.provisionalConnectMs, () => {
          isProvisional = true;
          this.#context.counters.provisionalConnects++;
          request.decided({ status: "provisional" });
        })
      : null;
    this.#propose(request, (result, reasonCode, isUnknown) => {
      if (isProvisional) {
        if (result) request.appliedLate(result.epoch);
        else this.#repeat(request);
        return;
      }
      cancelTimer?.();
      if (isUnknown) request.lost();
      request.decided(
        result ? { status: "claimed", ...result } : { status: "refused", reasonCode },
      );
    });
  }

  #repeat(request: ClaimRequest): void {
    this.#context.wheel.after(retryMs, () => {
      if (!request.isStillWanted()) {
        request.lost();
        return;
      }
      this.#propose(request, (result) => {
        if (result) request.appliedLate(result.epoch);
        else this.#repeat(request);
      });
    });
  }

  #propose(
    { clientId, cleanStart, expirySeconds, will }: ClaimRequest,
    done: (result: ClaimResult | null, reasonCode: number, isUnknown: boolean) => void,
  ): void {
    const { cluster, limits } = this.#context;
    const armed = will === null ? {} : { will };
    const bounds = expirySeconds > 0 ? boundsOf(limits.session) : {};
    const claim = { type: "claim", clientId, cleanStart, expirySeconds, ...armed } as const;
    const command = encodeCommand({ ...claim, ...bounds });
    this.#open.set(clientId, (this.#open.get(clientId) ?? 0) + 1);
    cluster.propose(command, limits.commitTimeoutMs, (outcome) => {
      if (outcome.status === "applied") {
        const result = outcome.result as ClaimResult;
        // Epoch 0: there are too many client identifiers.
        if (result.epoch > 0) done(result, ReasonCode.success, false);
        else done(null, ReasonCode.quotaExceeded, false);
      } else {
        const isBusy = outcome.reason === "overloaded";
        const reasonCode = isBusy ? ReasonCode.serverBusy : ReasonCode.serverUnavailable;
        done(null, reasonCode, outcome.status === "unknown");
      }
      this.#closed(clientId);
    });
  }

  #closed(clientId: string): void {
    const left = (this.#open.get(clientId) ?? 1) - 1;
    if (left > 0) this.#open.set(clientId, left);
    else this.#open.delete(clientId);
  }
}

/** The usual ones go without saying. */
function boundsOf(limits: SessionLimits): { readonly bounds?: QueueBounds } {
  const bounds: QueueBounds = {
    messagesMax: limits.queuedMessagesMax,
    sizeBytesMax: limits.queuedSizeBytesMax,
    ageSecondsMax: limits.queuedAgeSecondsMax,
    isOldestDropped: limits.queuedDrop === "oldest",
  };
  return areEqualBounds(bounds, usual) ? {} : { bounds };
}

const usual = usualBounds(replicaLimits);
