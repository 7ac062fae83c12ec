export { AdminServer, type AdminServerOptions } from './admin-server.js';
export { EnvReader, type ConfigProblem, type Env } from './env-reader.js';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.js';
export { Readiness } from './readiness.js';
export { exitOnConfigProblems, runProcess, type RunOptions } from './run-process.js';
export { startAll, type Service } from './service.js';
export { useTlsProfile } from './use-tls-profile.js';
export { systemClock } from './system-clock.js';
export { readTlsProfile } from './read-tls-profile.js';
