import type { FieldReader } from '../field-reader.js';
import { list } from '../schema/collection-fields.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { duration, integer, text, uint32 } from '../schema/scalar-fields.js';
import { without } from '../schema/without.js';
import { corsPolicy } from './cors-policy.js';
import { destination } from './destination.js';
import { fault } from './fault.js';
import { headers } from './headers.js';
import { directResponse, redirect, rewrite } from './http-answers.js';
import { httpMatch } from './http-match.js';
import { percent } from './percent.js';
import { retries } from './retries.js';

export const weight = integer('Share relative to the sum of all.', 0, 2_147_483_647);

const routeDestination = object('A share of the requests.', {
  destination: required(destination),
  weight,
  headers,
});
export type RouteDestination = TypeOf<typeof routeDestination>;

const mirrorPolicy = object('Sends a copy of requests and ignores the answers.', {
  destination: required(destination),
  percentage: percent('Of the requests. Default 100.'),
});

const ACTIONS = ['route', 'redirect', 'directResponse', 'delegate'] as const;

/**
 * A route keeps its match whatever else is wrong with it: what has no action left that can be told answers 500, since the next
 * route might allow what this one was to refuse.
 */
export const httpRoute = object(
  'A route; the first that matches is taken.',
  {
    name: text('Name, for logs and statistics.'),
    match: vital(list('Any of these; without any every request.', httpMatch)),
    route: list('Where requests go.', routeDestination),
    redirect,
    directResponse,
    delegate: object('Another VirtualService that has the routes.', {
      name: text('Its name.'),
      namespace: text('Its namespace. Default that of the resource.'),
    }),
    rewrite,
    timeout: duration('Time for the whole request. Default none.'),
    retries,
    fault,
    mirror: destination,
    mirrors: list('Copies of requests.', mirrorPolicy),
    mirrorPercentage: percent('Of the requests that are mirrored.'),
    mirrorPercent: uint32('The same as a whole number.'),
    mirror_percent: uint32('The same as a whole number.'),
    corsPolicy,
    headers,
  },
  {
    refine: (value, at, self) => {
      checkMirrors(at);
      if (at.redirect.present)
        for (const name of ['fault', 'rewrite'] as const)
          if (at[name].present) at[name].error('is set beside redirect', 'remove it: a redirect forwards nothing');
      const oneMirror = value.mirrors.length > 0 ? without(value, 'mirror') : value;
      const usable = value.redirect === undefined ? oneMirror : without(without(oneMirror, 'fault'), 'rewrite');
      const clear = hasOneAction(at, self) && hasWeight(value.route, at.route);
      if (clear && ACTIONS.some((name) => isSet(value[name]))) return usable;
      return { ...without(without(usable, 'redirect'), 'delegate'), route: [], directResponse: { status: 500 } };
    },
  },
);
export type HttpRouteRule = TypeOf<typeof httpRoute>;

const isSet = (action: unknown): boolean => (Array.isArray(action) ? action.length > 0 : action !== undefined);

function hasOneAction(at: Readonly<Record<(typeof ACTIONS)[number], FieldReader>>, self: FieldReader): boolean {
  const set = ACTIONS.filter((name) => (name === 'route' ? at.route.list().length > 0 : at[name].present));
  if (set.length === 1) return true;
  if (set.length === 0) self.error('has no action', `set one of ${ACTIONS.join(', ')}`);
  else self.error(`has ${set.join(' and ')}`, 'keep one of them');
  return false;
}

export function hasWeight(destinations: readonly { readonly weight?: number | undefined }[], at: FieldReader): boolean {
  if (destinations.length < 2 || destinations.some((one) => (one.weight ?? 0) > 0)) return true;
  at.error('has no destination with a weight', 'give at least one of them a weight above 0');
  return false;
}

function checkMirrors(
  at: Readonly<Record<'mirror' | 'mirrors' | 'mirrorPercent' | 'mirror_percent', FieldReader>>,
): void {
  if (at.mirror.present && at.mirrors.present) at.mirror.error('is set beside mirrors', 'keep mirrors');
  for (const name of ['mirrorPercent', 'mirror_percent'] as const)
    if (at[name].present) at[name].warn('is deprecated', 'use mirrorPercentage.value');
}
