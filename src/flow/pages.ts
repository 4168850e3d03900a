/** How many are read at once of what may not fit in memory. */
export const PAGE = 500;

/** Page after page, each after the last of the one before. @param read gives `PAGE` at most */
export async function* pages<T>(read: (after: T | undefined) => Promise<T[]>): AsyncGenerator<T[]> {
  let after: T | undefined;
  for (;;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1);
  }
}
