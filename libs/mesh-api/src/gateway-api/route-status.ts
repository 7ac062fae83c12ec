import { conditionsSchema } from '../crds/schema.js';
import type { JsonSchema } from '../schema/json-schema.js';

const optional = (description: string): JsonSchema => ({ type: 'string', description });

const parentReference: JsonSchema = {
  type: 'object',
  description: 'The parent, as the route names it.',
  required: ['name'],
  properties: {
    group: { ...optional('API group.'), default: 'gateway.networking.k8s.io' },
    kind: { ...optional('Kind.'), default: 'Gateway' },
    namespace: optional('Namespace.'),
    name: optional('Name.'),
    sectionName: optional('Listener.'),
    port: { type: 'integer', format: 'int32', description: 'Port.' },
  },
};

const stateOf = (name: string, reference: JsonSchema): JsonSchema => ({
  type: 'object',
  required: ['controllerName', name],
  properties: {
    [name]: reference,
    controllerName: { type: 'string', description: 'Who says so.', minLength: 1, maxLength: 253 },
    conditions: conditionsSchema,
  },
});

/** One entry for each parent and controller. */
export const routeStatus: JsonSchema = {
  type: 'object',
  description: 'What the parents made of the route.',
  required: ['parents'],
  properties: {
    parents: {
      type: 'array',
      description: 'By parent.',
      maxItems: 32,
      'x-kubernetes-list-type': 'atomic',
      items: stateOf('parentRef', parentReference),
    },
  },
};

export const policyStatus: JsonSchema = {
  type: 'object',
  description: 'What was made of the policy.',
  required: ['ancestors'],
  properties: {
    ancestors: {
      type: 'array',
      description: 'By Gateway or Service that uses it.',
      maxItems: 16,
      'x-kubernetes-list-type': 'atomic',
      items: stateOf('ancestorRef', parentReference),
    },
  },
};

const routeKind: JsonSchema = {
  type: 'object',
  required: ['kind'],
  properties: {
    group: { ...optional('API group.'), default: 'gateway.networking.k8s.io' },
    kind: optional('Kind.'),
  },
};

export const listenersStatus: JsonSchema = {
  type: 'array',
  description: 'By listener.',
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    required: ['attachedRoutes', 'conditions', 'name'],
    properties: {
      name: optional('Name of the listener.'),
      port: { type: 'integer', format: 'int32', description: 'Port.' },
      attachedRoutes: { type: 'integer', format: 'int32', description: 'Routes that are attached to it.' },
      supportedKinds: {
        type: 'array',
        description: 'Kinds of routes that may be attached.',
        'x-kubernetes-list-type': 'atomic',
        items: routeKind,
      },
      conditions: conditionsSchema,
    },
  },
};
