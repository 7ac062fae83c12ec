/** The part of a pino logger that this lib uses. */
export interface KubeLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => undefined;
export const SILENT: KubeLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };
