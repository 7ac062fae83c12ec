import { parseIp } from '@weft/ip';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const DURATION = /^[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d|w)\s*)+$|^0$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[-+]\d{2}:\d{2})$/;
const HOSTNAME =
  /^[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?)*\.?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Host bits may be set, as in Go. */
function isCidr(value: string): boolean {
  const [address = '', length = '', ...rest] = value.split('/');
  const ip = parseIp(address);
  return (
    ip !== null && rest.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= (address.includes(':') ? 128 : 32)
  );
}

const isTime = (value: string): boolean => DATE_TIME.test(value) && !Number.isNaN(Date.parse(value));

/** The string formats that Kubernetes checks in custom resources; every other name is accepted and means nothing. */
const FORMATS: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': isTime,
  datetime: isTime,
  date: (value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)),
  duration: (value) => DURATION.test(value),
  uri: (value) => /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(value) || value.startsWith('/'),
  email: (value) => /^[^\s@]+@[^\s@]+$/.test(value),
  hostname: (value) => value.length <= 255 && HOSTNAME.test(value),
  ipv4: (value) => /^[0-9.]+$/.test(value) && parseIp(value) !== null,
  ipv6: (value) => value.includes(':') && parseIp(value) !== null,
  cidr: (value) => isCidr(value),
  mac: (value) => /^([0-9a-f]{2}[:-]){5,7}[0-9a-f]{2}$/i.test(value),
  uuid: (value) => UUID.test(value),
  uuid3: (value) => UUID.test(value) && value.replaceAll('-', '')[12] === '3',
  uuid4: (value) => UUID.test(value) && value.replaceAll('-', '')[12] === '4',
  uuid5: (value) => UUID.test(value) && value.replaceAll('-', '')[12] === '5',
  byte: (value) => BASE64.test(value),
};

export function matchesFormat(format: string, value: string): boolean {
  return !Object.hasOwn(FORMATS, format) || FORMATS[format]!(value);
}

const INT_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
};

export function inFormatRange(format: string, value: number): boolean {
  const range = INT_RANGES[format];
  return range === undefined || (value >= range[0] && value <= range[1]);
}
