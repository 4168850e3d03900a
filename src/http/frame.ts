/** What the frame around every page gets. */
export interface Frame {
  readonly locale: string;
  readonly organisation: string;
  readonly support: { readonly name: string; readonly phone: string | null; readonly hours: string | null } | null;
  /** Where the organisation's own are; null for ours. */
  readonly accessibilityUrl: string | null;
  readonly logoPath: string | null;
  readonly themePath: string | null;
  readonly csrf: string;
  readonly languages: readonly {
    readonly locale: string;
    readonly name: string;
    readonly path: string;
    readonly isCurrent: boolean;
  }[];
}
