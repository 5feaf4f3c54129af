import type { ComponentLogger, Logger } from "@libp2p/interface";

/**
 * libp2p formats a trace line several times per frame; here all of them cost a call that does nothing. What an operator
 * needs is logged by the transport itself. `onError` hears what one component reports as an error (mDNS has no events).
 */
export function quietLogger(
  onError: (component: string, args: readonly unknown[]) => void,
): ComponentLogger {
  const loggerOf = (component: string): Logger => {
    const logger: Logger = Object.assign(() => {}, {
      error: (...args: unknown[]) => onError(component, args),
      trace: () => {},
      enabled: false,
      newScope: (name: string) => loggerOf(`${component}:${name}`),
    });
    return logger;
  };
  return { forComponent: loggerOf };
}
