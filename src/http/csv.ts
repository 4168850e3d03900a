/**
 * A cell that a spreadsheet shows as text and never works out (OWASP, CSV injection): a quote in front of whatever could
 * begin a formula.
 */
export const csvCell = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
