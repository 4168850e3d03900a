/** What each page in views/ gets, exactly. tests/http/views.test.ts renders them all with models that throw on other fields. */
export interface PageModels {
  home: { accountPath: string; companionPath: string };
  'sign-in': {
    action: string;
    client: string;
    isAgain: boolean;
    email: string;
    /** Sentences, already in the person's language. */
    error: string | null;
    emailError: string | null;
    passwordError: string | null;
  };
  'more-info': { action: string; cancelAction: string; isAfterRecovery: boolean };
  approve: {
    client: string;
    /** The open challenge, or null where it expired or none could be sent. */
    waiting: { number: string; spoken: string; qrSvg: string; until: string; eventsPath: string } | null;
    message: string | null;
    canSendAgain: boolean;
    againAction: string;
    recoveryPath: string;
    cancelAction: string;
    herePath: string;
  };
  recover: { action: string; error: string | null; hasPhone: boolean; phonePath: string; cancelAction: string };
  ended: {
    reason: 'denied' | 'reported' | 'wrong_number' | 'cancelled' | 'revoked';
    client: string;
    backAction: string;
  };
  unreachable: { client: string; backAction: string };
  expired: Record<string, never>;
  'wizard-app': { qrSvg: string; url: string; nextPath: string; samePath: string };
  'wizard-scan': {
    offer: { qrSvg: string; typed: string; until: string; samePath: string; eventsPath: string } | null;
    bound: { label: string; email: string } | null;
    herePath: string;
    backPath: string;
    testAction: string;
    againAction: string;
  };
  'wizard-test': {
    label: string;
    waiting: { number: string; spoken: string; until: string; eventsPath: string } | null;
    message: string | null;
    canSendAgain: boolean;
    herePath: string;
    testAction: string;
    againAction: string;
  };
  'wizard-done': {
    label: string;
    codes: readonly string[] | null;
    codesFile: string | null;
    continuePath: string;
    client: string | null;
  };
  'wizard-expired': { againPath: string };
  account: {
    email: string;
    authenticators: readonly {
      kind: 'password' | 'push' | 'recovery_code';
      label: string;
      added: string;
      /** A sentence; null for a password, whose use is in every sign-in. */
      lastUsed: string | null;
      note: string | null;
    }[];
    isProtected: boolean;
    addAction: string;
    signOutPath: string;
  };
  setup: {
    action: string;
    code: string;
    name: string;
    email: string;
    error: string | null;
    field: 'name' | 'email' | 'password' | null;
  };
  'setup-done': { nextPath: string };
  message: { title: string; text: string; reference: string | null };
  'sign-out': { form: string; formId: string; stayPath: string };
  companion: { noscript: string; loading: string };
}

export type PageName = keyof PageModels;

/** What the frame around every page gets. */
export interface Frame {
  readonly locale: string;
  readonly organisation: string;
  readonly support: string | null;
  readonly csrf: string;
  readonly languages: readonly {
    readonly locale: string;
    readonly name: string;
    readonly path: string;
    readonly isCurrent: boolean;
  }[];
}
