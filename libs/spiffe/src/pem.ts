/** RFC 7468 in its strict form: 64 characters a line, a line end after the last. */
export function pemOf(der: Uint8Array, label: string): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let at = 0; at < body.length; at += 64) text += `${body.slice(at, at + 64)}\n`;
  return `${text}-----END ${label}-----\n`;
}
