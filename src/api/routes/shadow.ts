import type { FastifyInstance } from "fastify";
import { BrokerError } from "../../broker/errors.ts";
import { isStateValue } from "../../replica/state-value.ts";
import type { ApiContext } from "../context.ts";
import type { ShadowState } from "../ports.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, prepareRead } from "../reading.ts";
import { deviceOperations } from "../schemas/device-operations.ts";

interface DeviceParams {
  readonly id: string;
}

interface DesiredBody {
  readonly state: Readonly<Record<string, unknown>> | null;
  readonly version?: number;
}

/** What a device is to be, what it says it is, and the difference. */
export function registerShadow(app: FastifyInstance, { node }: ApiContext): void {
  app.get<{ Querystring: ConsistencyQuery; Params: DeviceParams }>(
    "/api/v1/devices/:id/shadow",
    { schema: deviceOperations.shadow },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const { id } = request.params;
      const shadow = node.shadowOf(id);
      if (shadow === null) throw new ApiError(404, "unknown-device", `no device "${id}"`);
      return bodyOf(id, shadow);
    },
  );

  app.post<{ Params: DeviceParams; Body: DesiredBody }>(
    "/api/v1/devices/:id/desired",
    { schema: deviceOperations.setDesired },
    async (request) => {
      const { id } = request.params;
      const { state, version } = request.body;
      if (!isStateValue(state)) {
        throw new ApiError(400, "request-invalid", "expected a `state` that is not too deep");
      }
      const shadow = await node.setDesired(id, state, version).catch(refuseConflict);
      return bodyOf(id, shadow);
    },
  );
}

function bodyOf(deviceId: string, { version, desired, reported, delta }: ShadowState): object {
  return { deviceId, version, desired, reported, delta };
}

/** The version stands in the body and in no header, so a conflict is 409 and not a failed precondition. */
function refuseConflict(error: unknown): never {
  if (error instanceof BrokerError && error.code === "version-conflict") {
    throw new ApiError(409, error.code, error.message);
  }
  throw error;
}
