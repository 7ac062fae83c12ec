import { churn, type ChurnSizes } from './churn.js';
import { formatControl, jsonOfControl, type ControlRow } from './control-row.js';
import { ControlSite } from './control-site.js';
import { routeChanges, type RouteSizes } from './route-changes.js';

export interface ControlSuiteOptions {
  readonly root: string;
  readonly quick: boolean;
  readonly json: boolean;
  readonly note: (text: string) => void;
}

const CHURN: ChurnSizes = { services: 1000, podsPerService: 50, nodeProxies: 5, waypoints: 2, seconds: 60 };
const QUICK_CHURN: ChurnSizes = { ...CHURN, services: 200, nodeProxies: 3, waypoints: 1, seconds: 15 };
const ROUTES: RouteSizes = { routes: 3000, changes: 100, attached: 1000 };
const QUICK_ROUTES: RouteSizes = { ...ROUTES, changes: 20 };

/** What a large mesh and many routes cost the control plane. Resolves with the exit status. */
export async function controlSuite({ root, quick, json, note }: ControlSuiteOptions): Promise<number> {
  const rows: ControlRow[] = [];
  const on = async (measure: (site: ControlSite) => Promise<readonly ControlRow[]>): Promise<void> => {
    const site = await ControlSite.open(root);
    try {
      rows.push(...(await measure(site)));
    } finally {
      await site.close();
    }
  };
  await on((site) => churn(site, quick ? QUICK_CHURN : CHURN, note));
  await on((site) => routeChanges(site, root, quick ? QUICK_ROUTES : ROUTES, note));
  process.stdout.write(json ? rows.map((row) => `${jsonOfControl(row)}\n`).join('') : formatControl(rows));
  return rows.some(({ errors }) => errors > 0) ? 1 : 0;
}
