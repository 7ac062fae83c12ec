export { HboneConnection, type Reservation } from './connection.js';
export { HboneError, Http2Code, http2CodeName, type HboneErrorCode } from './errors.js';
export { isFieldName, isFieldValue } from './field-rules.js';
export type { HboneHandler, HboneRequest, HboneResponse, HeaderField } from './handler.js';
export { HpackDecoder } from './hpack-decoder.js';
export { HpackEncoder } from './hpack-encoder.js';
export { HBONE_LIMITS, HBONE_TIMES } from './limits.js';
export { CLIENT_SETTINGS, SERVER_SETTINGS, type HboneSettings } from './settings.js';
export type { HboneStream } from './stream.js';
