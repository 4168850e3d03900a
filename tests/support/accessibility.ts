import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe-core finds against WCAG 2.2 AA and its own best practices, as `rule: selector`. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  try {
    await page.evaluate(axe.source);
    return await page.evaluate(async () => {
      const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document, {
        resultTypes: ['violations'],
      });
      return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
    });
  } catch (error) {
    // A page that waits may have gone on meanwhile; another picture of it is taken elsewhere.
    if (/context was destroyed|navigat/i.test((error as Error).message)) return [];
    throw error;
  }
}
