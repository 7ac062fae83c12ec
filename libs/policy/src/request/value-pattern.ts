import { cidrContains, parseCidr, type IpAddress } from '@weft/ip';

export type TextTest = (text: string) => boolean;

/** `*` any text but none, `x*` what begins so, `*x` what ends so, else exactly this. */
export function textPattern(value: string): TextTest {
  if (value === '*') return (text) => text !== '';
  if (value.startsWith('*')) return (text) => text.endsWith(value.slice(1));
  if (value.endsWith('*')) return (text) => text.startsWith(value.slice(0, -1));
  return (text) => text === value;
}

/** `*` anywhere stands for any text, also none. */
export function globPattern(value: string): TextTest {
  const parts = value.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const regex = new RegExp(`^${parts.join('.*')}$`, 's');
  return (text) => regex.test(text);
}

/** `{*}` is one whole segment, `{**}` whatever is left; without a template as `textPattern`. */
export function pathPattern(value: string): TextTest {
  if (!/\{\*{1,2}\}/.test(value)) return textPattern(value);
  const parts = value.split(/(\{\*{1,2}\})/).map((part) => {
    if (part === '{*}') return '[^/]+';
    return part === '{**}' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  const regex = new RegExp(`^${parts.join('')}$`, 's');
  return (text) => regex.test(text);
}

/** An address or a network; what is neither matches nothing. */
export function addressPattern(value: string): (ip: IpAddress) => boolean {
  const cidr = parseCidr(value);
  return (ip) => cidr !== null && cidrContains(cidr, ip);
}
