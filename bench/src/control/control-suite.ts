import { churn, type ChurnSizes } from './churn.js';
import { CONTROL_LOADS, type ControlLoad } from './control-loads.js';
import { formatControl, jsonOfControl, type ControlRow } from './control-row.js';
import { ControlSite } from './control-site.js';
import { routeChanges, type RouteSizes } from './route-changes.js';
import { gatewayRoutes, waypointRoutes, type RouteShape } from './route-shape.js';

export interface ControlSuiteOptions {
  readonly root: string;
  readonly quick: boolean;
  readonly json: boolean;
  /** Names of loads; empty or none of this suite's: all. */
  readonly loads: readonly string[];
  /** Where CPU profiles of the control plane go. */
  readonly profile: string | null;
  readonly note: (text: string) => void;
}

const CHURN: ChurnSizes = { services: 1000, podsPerService: 50, nodeProxies: 5, waypoints: 2, seconds: 60 };
const QUICK_CHURN: ChurnSizes = { ...CHURN, services: 200, nodeProxies: 3, waypoints: 1, seconds: 15 };
const ROUTES: RouteSizes = { routes: 3000, changes: 100, attached: 1000 };
const QUICK_ROUTES: RouteSizes = { ...ROUTES, changes: 20 };
/** Behind one waypoint, each with as many of the routes. */
const SERVICES = 100;

const SHAPES: Readonly<Record<Exclude<ControlLoad, 'churn'>, () => Promise<RouteShape>>> = {
  'route-change': () => Promise.resolve(waypointRoutes('route-change', 1)),
  'route-change-services': () => Promise.resolve(waypointRoutes('route-change-services', SERVICES)),
  'route-change-hosts': () => gatewayRoutes('route-change-hosts', 'hosts'),
  'route-change-paths': () => gatewayRoutes('route-change-paths', 'paths'),
};

/** What a large mesh and many routes cost the control plane. Resolves with the exit status. */
export async function controlSuite(options: ControlSuiteOptions): Promise<number> {
  const { root, quick, json, note, profile } = options;
  const named = CONTROL_LOADS.filter((load) => options.loads.includes(load));
  const rows: ControlRow[] = [];
  for (const load of named.length > 0 ? named : CONTROL_LOADS) {
    const site = await ControlSite.open(root, profile);
    try {
      rows.push(
        ...(load === 'churn'
          ? await churn(site, quick ? QUICK_CHURN : CHURN, note)
          : await routeChanges(site, root, await SHAPES[load](), quick ? QUICK_ROUTES : ROUTES, note)),
      );
    } finally {
      await site.close();
    }
  }
  process.stdout.write(json ? rows.map((row) => `${jsonOfControl(row)}\n`).join('') : formatControl(rows));
  return rows.some(({ errors }) => errors > 0) ? 1 : 0;
}
