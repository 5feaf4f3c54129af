import type { Clock, Log } from "#cluster";
import { type Authenticator, type Authorizer, allowEverything } from "../broker/access.ts";
import { ConfiguredAuthenticator } from "./configured-authenticator.ts";
import { FileWatch } from "./file-watch.ts";
import { RulesAuthorizer } from "./rules-authorizer.ts";
import { UserDirectory } from "./user-directory.ts";

export interface ClientAccessOptions {
  /** `--users-file`; null: names are not checked, and everybody may do everything. */
  readonly usersFile: string | null;
  readonly isAnonymousAllowed: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Those whose connections end when their user is not what it was. */
export interface UserConnections {
  endUsers(isOut: (username: string) => boolean): void;
}

/** Who may come in and what they may do, as the operator configured it, for the life of the process. */
export class ClientAccess {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly #directory: UserDirectory | null;
  readonly #watch: FileWatch | null;
  #connections: UserConnections | null = null;

  /** Throws UsageError when the users file cannot be used. */
  constructor({ usersFile, isAnonymousAllowed, clock, log }: ClientAccessOptions) {
    const directory = usersFile === null ? null : new UserDirectory(usersFile, log);
    this.#directory = directory;
    this.authenticator = new ConfiguredAuthenticator({ directory, isAnonymousAllowed });
    this.authorizer =
      directory === null ? allowEverything : new RulesAuthorizer(() => directory.file);
    this.#watch =
      directory === null ? null : new FileWatch([directory.path], clock, () => void this.reload());
    directory?.onChanged((isOut) => this.#connections?.endUsers(isOut));
  }

  /** `connections` hears of changes from now on; `secret` is what all nodes share. */
  async serve(connections: UserConnections, secret: Uint8Array): Promise<void> {
    this.#connections = connections;
    this.#directory?.keyDecoys(secret);
    await this.#watch?.start();
  }

  /** Reads the files again, if there are any: false when there are none. */
  async reload(): Promise<boolean> {
    await this.#directory?.reload();
    return this.#directory !== null;
  }

  stop(): void {
    this.#watch?.stop();
    this.#connections = null;
  }

  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ["usersFileReloads", this.#directory?.reloads ?? 0],
      ["usersFileReloadsFailed", this.#directory?.reloadsFailed ?? 0],
    ]);
  }
}
