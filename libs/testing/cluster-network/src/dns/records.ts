/** One answer record; what of it goes on the wire is the server's business. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly name: string; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly target: string;
      readonly port: number;
      readonly weight: number;
    }
  | { readonly type: 'TXT'; readonly name: string; readonly text: string };

/** What is known about a name. `records` are of all types; the server picks those that were asked for. */
export type Lookup =
  | { readonly found: true; readonly records: readonly DnsRecord[]; readonly additional?: readonly DnsRecord[] }
  /** The name does not exist. `inZone`: we are the authority for that. */
  | { readonly found: false; readonly inZone: boolean };
