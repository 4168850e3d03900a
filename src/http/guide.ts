import type { MessageKey } from '../i18n/translate.ts';

export const GUIDE_PHONES = ['iphone', 'android'] as const;
export type GuidePhone = (typeof GUIDE_PHONES)[number];

/** A sentence, and the pictures that belong to it: of a page of ours, or of the app (`phone-…`). */
export interface GuideStep {
  readonly text: MessageKey;
  readonly pictures: readonly GuidePicture[];
}

/** What `npm run guide` makes a picture of, in every language; a page by its place in the gallery. */
export const GUIDE_PAGES = {
  'sign-in': '/sign-in/empty',
  'more-info': '/more-info/first',
  app: '/wizard-app/usual',
  scan: '/wizard-scan/to scan',
  test: '/wizard-test/waiting',
  codes: '/wizard-done/with recovery codes',
  approve: '/approve/waiting',
} as const;
export const GUIDE_SCREENS = ['phone-add', 'phone-added', 'phone-request', 'phone-approved'] as const;
export type GuidePicture = keyof typeof GUIDE_PAGES | (typeof GUIDE_SCREENS)[number];

/** How somebody sets up their phone, once. */
export const setUpSteps = (phone: GuidePhone): readonly GuideStep[] => [
  { text: 'guide.set_up_sign_in', pictures: ['sign-in'] },
  { text: 'guide.set_up_more_info', pictures: ['more-info'] },
  { text: 'guide.set_up_open_app', pictures: ['app'] },
  { text: phone === 'iphone' ? 'guide.set_up_iphone' : 'guide.set_up_android', pictures: [] },
  { text: 'guide.set_up_add', pictures: ['phone-add'] },
  { text: 'guide.set_up_scan', pictures: ['scan'] },
  { text: 'guide.set_up_allow', pictures: ['phone-added'] },
  { text: 'guide.set_up_test', pictures: ['test', 'phone-request'] },
  { text: 'guide.set_up_codes', pictures: ['codes'] },
];

/** What they do every morning after that. */
export const DAILY_STEPS: readonly GuideStep[] = [
  { text: 'guide.daily_password', pictures: ['sign-in'] },
  { text: 'guide.daily_number', pictures: ['approve'] },
  { text: 'guide.daily_approve', pictures: ['phone-request', 'phone-approved'] },
];

/** Where people get stuck; each has a question and an answer. */
export const TROUBLES = ['no_notification', 'no_internet', 'new_phone', 'lost', 'no_phone', 'not_me'] as const;
