export {
  type Collection,
  type CollectionEvent,
  type Equality,
  type Observer,
  type SubscribeOptions,
} from './collection.js';
export { type CollectionIndex } from './collection-index.js';
export { type FetchContext } from './fetch-context.js';
export { Graph, type DeriveManyOptions, type DeriveOptions, type GraphFault } from './graph.js';
export { type Group } from './group-collection.js';
export { type Singleton, type SourceCollection } from './source-collection.js';
export { structurallyEqual } from './structurally-equal.js';
