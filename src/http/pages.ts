import type { Block } from './console/blocks.ts';
import type { GuidePhone, GuideStep } from './guide.ts';

/** What each page in views/ gets, exactly. tests/http/views.test.ts renders them all with models that throw on other fields. */
export interface PageModels {
  home: { accountPath: string; companionPath: string };
  'sign-in': {
    action: string;
    client: string;
    isAgain: boolean;
    email: string;
    forgottenPath: string;
    passkeyAction: string;
    /** For `navigator.credentials.get()`, as JSON. */
    passkeyOptions: string;
    /** Sentences, already in the person's language. */
    error: string | null;
    emailError: string | null;
    passwordError: string | null;
  };
  'more-info': {
    action: string;
    cancelAction: string;
    /** Where the policy lets it wait. */
    laterAction: string | null;
    /** Where the policy lets it happen here. */
    mayEnrol: boolean;
    client: string;
    /** Why: no second factor yet, a recovery code or pass was used, or the web app wants a key. */
    reason: 'first' | 'recovery_code' | 'temporary_pass' | 'key';
  };
  approve: {
    client: string;
    /** The open challenge, or null where it expired or none could be sent. */
    waiting: { number: string; spoken: string; qrSvg: string; until: string; eventsPath: string } | null;
    message: string | null;
    canSendAgain: boolean;
    againAction: string;
    waysPath: string;
    cancelAction: string;
    herePath: string;
  };
  /** A way that is typed. */
  typed: {
    way: 'totp' | 'recovery_code' | 'temporary_pass';
    client: string;
    action: string;
    error: string | null;
    /** Nothing but ways to recover is left. */
    hasNoneLeft: boolean;
    laterAction: string | null;
    waysPath: string;
    cancelAction: string;
  };
  key: {
    client: string;
    action: string;
    /** For `navigator.credentials.get()`, as JSON. */
    options: string;
    error: string | null;
    waysPath: string;
    cancelAction: string;
  };
  ways: {
    client: string;
    ways: readonly {
      way: 'webauthn' | 'push' | 'store_app' | 'totp' | 'recovery_code' | 'temporary_pass';
      path: string;
    }[];
    cancelAction: string;
  };
  ended: {
    reason: 'denied' | 'reported' | 'wrong_number' | 'cancelled' | 'revoked';
    client: string;
    backAction: string;
  };
  expired: Record<string, never>;
  'wizard-app': { qrSvg: string; url: string; nextPath: string; samePath: string; choosePath: string };
  'wizard-choose': { appPath: string; codePath: string; keyPath: string; storeAppPath: string };
  'wizard-store-app': {
    qrSvg: string;
    address: string;
    eventsPath: string;
    herePath: string;
    choosePath: string;
  };
  /** A request to an app that asks by itself; in a sign-in, or as the test of an enrolment. */
  'store-app': {
    state: 'waiting' | 'code' | 'over';
    isTest: boolean;
    client: string | null;
    until: string;
    error: string | null;
    message: string | null;
    canSendAgain: boolean;
    eventsPath: string;
    herePath: string;
    codeAction: string;
    againAction: string;
    waysPath: string | null;
    cancelAction: string;
  };
  'wizard-code': {
    qrSvg: string;
    /** `otpauth:`, for an app on this very device. */
    address: string;
    /** In groups of four. */
    secret: string;
    email: string;
    action: string;
    error: string | null;
    choosePath: string;
  };
  'wizard-key': { options: string; action: string; error: string | null; choosePath: string };
  'wizard-key-test': { label: string; options: string; action: string; error: string | null; againAction: string };
  'wizard-scan': {
    offer: { qrSvg: string; typed: string; samePath: string; eventsPath: string } | null;
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
    kind: 'push' | 'store_app' | 'totp' | 'webauthn';
    label: string;
    codes: readonly string[] | null;
    codesFile: string | null;
    continuePath: string;
    client: string | null;
  };
  'wizard-expired': { againPath: string };
  account: {
    email: string;
    said: { text: string; isGood: boolean } | null;
    codesReminder: string | null;
    authenticators: readonly {
      label: string;
      /** In words; null where the label says it. */
      kind: string | null;
      added: string;
      /** A sentence; null for a password, whose use is in every sign-in. */
      lastUsed: string | null;
      note: string | null;
      links: readonly { path: string; text: string }[];
    }[];
    addAction: string;
    languageAction: string;
    languages: readonly { locale: string; name: string; isChosen: boolean }[];
    signOutPath: string;
    /** For those who administer. */
    consolePath: string | null;
  };
  'account-rename': { label: string; action: string; error: string | null; backPath: string };
  'account-remove': { label: string; isLast: boolean; action: string; backPath: string };
  /** Before new codes are made, and with them. */
  'account-codes': {
    codes: readonly string[] | null;
    codesFile: string | null;
    left: number;
    action: string;
    backPath: string;
  };
  'account-sessions': {
    email: string;
    said: string | null;
    sessions: readonly {
      uid: string;
      isCurrent: boolean;
      browser: string;
      where: string;
      since: string;
      used: string;
      apps: string;
    }[];
    /** Browsers that are asked for the password only. */
    remembered: readonly { id: string; browser: string; where: string; until: string }[];
    forgetAction: string;
    endAction: string;
    endOthersAction: string;
  };
  'account-history': {
    email: string;
    events: readonly {
      text: string;
      time: string;
      where: string | null;
      isBad: boolean;
      reportPath: string | null;
    }[];
    olderPath: string | null;
  };
  'account-password': { email: string; said: string | null; error: string | null; action: string | null };
  setup: {
    action: string;
    code: string;
    name: string;
    email: string;
    error: string | null;
    field: 'name' | 'email' | 'password' | null;
  };
  'password-forgotten': { action: string; email: string; error: string | null };
  'password-link': { purpose: 'first_password' | 'password_reset'; email: string; action: string; code: string };
  'new-password': {
    email: string;
    action: string;
    error: string | null;
    cancelAction: string;
  };
  /** `about` in words, where it is about one thing. */
  'not-me': { about: string | null; action: string; code: string; backPath: string };
  /** A reset by the helpdesk, from the mail about it. */
  undo: { action: string; code: string };
  denied: { what: 'sign_in' | 'enrolment'; client: string; backAction: string };
  remember: { action: string; hours: number; client: string };
  'setup-done': { nextPath: string };
  message: { title: string; text: string; reference: string | null };
  /** It may go better in a moment. */
  busy: { title: string; text: string; reference: string; againPath: string };
  'device-code': { action: string; xsrf: string; code: string; error: string | null };
  'device-confirm': {
    action: string;
    xsrf: string;
    userCode: string;
    code: string;
    client: string;
    ip: string;
    device: string | null;
  };
  'form-post': { action: string; fields: Readonly<Record<string, string>>; to: string };
  'sign-out': { form: string; formId: string; stayPath: string };
  /** Every page of the console: the menu, and blocks. */
  console: {
    title: string;
    /** Who is signed in. */
    email: string;
    nav: readonly { path: string; text: string; isHere: boolean; count: number }[];
    back: { path: string; text: string } | null;
    waiting: { eventsPath: string; herePath: string } | null;
    blocks: readonly Block[];
  };
  /** The API, from its own document. */
  'api-reference': {
    title: string;
    intro: string;
    documentPath: string;
    groups: readonly {
      name: string;
      operations: readonly {
        id: string;
        method: string;
        path: string;
        summary: string;
        description: string | null;
        scope: string;
        parameters: readonly { name: string; where: string; type: string; isRequired: boolean; text: string }[];
        /** JSON Schema, as text. */
        body: string | null;
        /** As somebody would type it. */
        example: string;
        answers: readonly { status: string; text: string; schema: string | null }[];
      }[];
    }[];
  };
  companion: { noscript: string; loading: string; themeColour: string };
  /** The guide: what to do, with pictures. */
  guide: {
    /** Whose set-up is shown; none: people choose. */
    phones: readonly GuidePhone[];
    steps: Readonly<Record<GuidePhone | 'daily', readonly GuideStep[]>>;
    troubles: readonly string[];
    /** All of it, for paper: with a cover, nothing folded. */
    isBook: boolean;
    /** Where people begin, and where the app is. */
    address: string;
    appAddress: string;
    version: string;
    /** As people write it. */
    date: string;
  };
  'guide-card': { address: string };
}

export type PageName = keyof PageModels;
