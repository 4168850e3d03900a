/**
 * A fault: something went wrong that the person did not cause. `message` is safe to show;
 * `cause` is for the log only. Every fault of ours is born here.
 */
export class Fault extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: string,
    message: string,
    options: { status?: number; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.status = options.status ?? 500;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** More work than the machine can take; the person may try again in a moment. */
export const overloaded = (): Fault =>
  new Fault('overloaded', 'The server is busy. Try again in a few seconds.', { status: 503, retryAfterSeconds: 2 });

/** The organisation's directory, which knows the passwords of those whom it keeps, does not answer. */
export const directoryUnreachable = (cause: unknown): Fault =>
  new Fault('directory_unreachable', 'The directory of the organisation cannot be reached. Try again in a moment.', {
    status: 503,
    cause,
    retryAfterSeconds: 10,
  });

/** Sealed data that does not open: another key, another row, or tampering. */
export const unsealable = (cause?: unknown): Fault =>
  new Fault('unsealable', 'Stored data could not be opened with the secret key in use.', { cause });

export const wrongSecretKey = (): Fault =>
  new Fault(
    'wrong_secret_key',
    'This database was sealed with another SECRET_KEY. Start with the key that belongs to it (by default the file secret-key in DATA_DIR), or with both: the new one first.',
  );

/** The settings cannot be used; `problems` has one sentence for each mistake. */
export const badConfiguration = (problems: readonly string[]): Fault =>
  new Fault('bad_configuration', `The settings cannot be used:\n${problems.map((line) => `  - ${line}`).join('\n')}`);

/** The database was lost, is being replaced, or only reads for now; the person may try again in a moment. */
export const databaseAway = (cause: unknown): Fault =>
  new Fault('database_away', 'The database cannot be reached. Try again in a few seconds.', {
    status: 503,
    cause,
    retryAfterSeconds: 5,
  });

export const databaseUnavailable = (message: string, cause?: unknown): Fault =>
  new Fault('database_unavailable', message, { cause });

/** Another secret key, or a file that is not as it was written. */
export const backupUnreadable = (cause?: unknown): Fault =>
  new Fault(
    'backup_unreadable',
    'This backup does not open. It needs the secret key of the day it was made (SECRET_KEY, or DATA_DIR/secret-key), and must be whole.',
    { cause },
  );

/** It opens, but is not what we write. */
export const backupDamaged = (cause?: unknown): Fault =>
  new Fault('backup_damaged', 'This backup is not whole: part of it is missing or was changed.', { cause });
