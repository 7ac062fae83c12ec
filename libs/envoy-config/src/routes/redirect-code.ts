import { RedirectAction_RedirectResponseCode as Code } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';

const CODES: ReadonlyMap<number, Code> = new Map([
  [301, Code.MOVED_PERMANENTLY],
  [302, Code.FOUND],
  [303, Code.SEE_OTHER],
  [307, Code.TEMPORARY_REDIRECT],
  [308, Code.PERMANENT_REDIRECT],
]);

/** Undefined for a status that is no redirect. */
export const redirectCode = (status: number): Code | undefined => CODES.get(status);
