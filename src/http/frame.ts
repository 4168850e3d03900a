/** What the frame around every page gets. */
export interface Frame {
  readonly locale: string;
  readonly organisation: string;
  readonly support: { readonly name: string; readonly phone: string | null; readonly hours: string | null } | null;
  /** Where the organisation's own are; null for ours. */
  readonly accessibilityUrl: string | null;
  readonly logoPath: string | null;
  readonly themePath: string | null;
  /** An enrolment: until when, and how somebody gets more time. */
  readonly limit: { readonly until: string; readonly action: string; readonly path: string } | null;
  /** How long somebody may be away, and what keeps them signed in. */
  readonly idle: { readonly seconds: number; readonly path: string } | null;
  readonly csrf: string;
  readonly languages: readonly {
    readonly locale: string;
    readonly name: string;
    readonly path: string;
    readonly isCurrent: boolean;
  }[];
}
