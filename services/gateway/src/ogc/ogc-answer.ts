/** Answer to a request of an OGC client. */
export interface OgcAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Media type. @default application/json */
  readonly type?: string;
  readonly content: object;
}
