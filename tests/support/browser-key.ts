import type { Page } from 'playwright-core';

/** The browser's own virtual authenticator, as a USB key or as what the device has built in. */
export async function giveKey(
  page: Page,
  kind: 'usb' | 'internal',
  more: { isUserVerified?: boolean; isSynced?: boolean } = {},
): Promise<{ removeAll(): Promise<void> }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: kind,
      hasResidentKey: kind === 'internal',
      hasUserVerification: kind === 'internal',
      isUserVerified: more.isUserVerified ?? kind === 'internal',
      automaticPresenceSimulation: true,
      defaultBackupEligibility: more.isSynced ?? false,
      defaultBackupState: more.isSynced ?? false,
    },
  });
  return { removeAll: async () => void (await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })) };
}
