/** One element of BER (X.690) with a definite length, as LDAP has them (RFC 4511, section 5.1). */
export interface Element {
  readonly tag: number;
  /** Of what it holds, within the buffer. */
  readonly start: number;
  readonly end: number;
}

const CONSTRUCTED = 0x20;
const DEEPEST = 12;

/** @returns the element that begins at `at`, or undefined where its header is not there yet; its end may lie beyond */
export function elementAt(buffer: Buffer, at: number): Element | undefined {
  if (buffer.length < at + 2) return undefined;
  const tag = buffer[at]!;
  const first = buffer[at + 1]!;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  if (size === 0 || size > 4) throw new Error('the directory sent a length that LDAP does not have');
  if (buffer.length < at + 2 + size) return undefined;
  const start = at + 2 + size;
  return { tag, start, end: start + buffer.readUIntBE(at + 2, size) };
}

/** What a constructed element holds. @throws where the parts do not fill it exactly */
export function partsOf(buffer: Buffer, { start, end }: Element): Element[] {
  const parts: Element[] = [];
  for (let at = start; at < end; ) {
    const part = elementAt(buffer, at);
    if (!part || part.end > end) throw new Error('the directory sent a message that does not fit into itself');
    parts.push(part);
    at = part.end;
  }
  return parts;
}

/** @throws where any part, however deep, does not fit exactly into what holds it */
export function checkFits(buffer: Buffer, element: Element, depth = 0): void {
  if (depth > DEEPEST) throw new Error('the directory sent a message that is nested too deep');
  for (const part of partsOf(buffer, element)) if (part.tag & CONSTRUCTED) checkFits(buffer, part, depth + 1);
}
