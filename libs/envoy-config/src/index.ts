export { packAny, type PackedAny } from './any.js';
