/** One connection as this proxy saw it, in OpenTelemetry's terms. */
export interface Span {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Null: the trace begins here. */
  readonly parentSpanId: string | null;
  readonly name: string;
  /** Outbound is a client's span, inbound a server's. */
  readonly kind: 'client' | 'server';
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Null: it went well. */
  readonly error: string | null;
}

/** Takes spans, or drops them; never waits. */
export interface SpanSink {
  add(span: Span): void;
}
