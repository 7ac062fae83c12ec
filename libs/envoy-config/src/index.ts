export { packAny, type PackedAny } from './messages/any.js';
