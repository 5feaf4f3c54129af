import type { Clock, Log } from "#cluster";
import type { ApiUsers } from "../api/login.ts";
import { type Authenticator, type Authorizer, allowEverything } from "../broker/access.ts";
import type { TlsSettings } from "../listeners/listener.ts";
import { ConfiguredAuthenticator } from "./configured-authenticator.ts";
import { FileWatch } from "./file-watch.ts";
import { RulesAuthorizer } from "./rules-authorizer.ts";
import { TlsFiles, type TlsPaths } from "./tls-files.ts";
import { UserDirectory } from "./user-directory.ts";

export interface ClientAccessOptions {
  /** `--users-file`; null: names are not checked, and everybody may do everything. */
  readonly usersFile: string | null;
  readonly isAnonymousAllowed: boolean;
  /** `--tls-cert` and its fellows; null: no TLS. */
  readonly tls?: TlsPaths | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** Those whose connections end when their user is not what it was. */
export interface UserConnections {
  endUsers(isOut: (username: string) => boolean): void;
}

/** Who may come in and what they may do, as the operator configured it, for the life of the process. */
export class ClientAccess {
  readonly authenticator: Authenticator & ApiUsers;
  readonly authorizer: Authorizer;
  readonly #tls: TlsFiles | null;
  #onTlsChanged: (settings: TlsSettings) => void = () => undefined;
  readonly #directory: UserDirectory | null;
  readonly #watch: FileWatch | null;
  #connections: UserConnections | null = null;

  /** Throws UsageError when the users file cannot be used. */
  constructor({ usersFile, isAnonymousAllowed, tls = null, clock, log }: ClientAccessOptions) {
    this.#tls = tls === null ? null : new TlsFiles(tls, log);
    const directory = usersFile === null ? null : new UserDirectory(usersFile, log);
    this.#directory = directory;
    this.authenticator = new ConfiguredAuthenticator({ directory, isAnonymousAllowed });
    this.authorizer =
      directory === null ? allowEverything : new RulesAuthorizer(() => directory.file);
    const paths = [...(directory === null ? [] : [directory.path]), ...(this.#tls?.paths ?? [])];
    this.#watch = paths.length === 0 ? null : new FileWatch(paths, clock, () => void this.reload());
    directory?.onChanged((isOut) => this.#connections?.endUsers(isOut));
  }

  /** `connections` hears of changes from now on; `secret` is what all nodes share. */
  async serve(connections: UserConnections, secret: Uint8Array): Promise<void> {
    this.#connections = connections;
    this.#directory?.keyDecoys(secret);
    await this.#watch?.start();
  }

  /** Null without a certificate. */
  get tls(): TlsSettings | null {
    return this.#tls?.settings ?? null;
  }

  /** One listener to the changes; the next takes its place. */
  onTlsChanged(handler: (settings: TlsSettings) => void): void {
    this.#onTlsChanged = handler;
  }

  /** Null where names are not checked. */
  get apiUsers(): ApiUsers | null {
    return this.#directory === null ? null : this.authenticator;
  }

  /** Reads the files again, if there are any: false when there are none. */
  async reload(): Promise<boolean> {
    if (this.#tls?.reload()) this.#onTlsChanged(this.#tls.settings);
    await this.#directory?.reload();
    return this.#directory !== null || this.#tls !== null;
  }

  stop(): void {
    this.#watch?.stop();
    this.#connections = null;
  }

  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ["usersFileReloads", this.#directory?.reloads ?? 0],
      ["usersFileReloadsFailed", this.#directory?.reloadsFailed ?? 0],
      ["tlsFilesReloadsFailed", this.#tls?.reloadsFailed ?? 0],
    ]);
  }
}
