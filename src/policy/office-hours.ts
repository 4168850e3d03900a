/**
 * Whether mails that can wait may go out now: Monday to Friday, from eight to six, where the organisation is. A mail in
 * the night is read as an alarm, or as phishing.
 */
export function isOfficeHour(now: Date, timeZone: string): boolean {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' });
  const found = Object.fromEntries(parts.formatToParts(now).map(({ type, value }) => [type, value]));
  const hour = Number(found.hour);
  return !['Sat', 'Sun'].includes(found.weekday ?? '') && hour >= 8 && hour < 18;
}
