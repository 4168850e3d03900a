import type { RecordedEvent } from '../store/audit.ts';

/** How bad it is, from 0 to 10. */
const SEVERITY: Readonly<Record<RecordedEvent['result'], number>> = { success: 2, refused: 5, failure: 7 };

/** One event in ArcSight's Common Event Format, version 0, as syslog servers and SIEMs read it. */
export function cefLine(event: RecordedEvent, version: string): string {
  const header = ['Dubbelslot', 'Dubbelslot', version, event.action, event.action.replaceAll(/[._]/g, ' ')];
  const extension = {
    rt: String(event.at.getTime()),
    externalId: event.id,
    outcome: event.result,
    src: /^[\d.:a-f]+$/i.test(event.origin) ? event.origin : undefined,
    suser: event.actor,
    duser: event.accountId ?? undefined,
    cs1Label: 'object',
    cs1: event.object,
    cs2Label: 'request',
    cs2: event.requestId ?? undefined,
    msg: JSON.stringify(event.detail ?? {}),
  };
  const fields = Object.entries(extension).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapedValue(value)}`],
  );
  return `CEF:0|${header.map(escapedHeader).join('|')}|${SEVERITY[event.result]}|${fields.join(' ')}`;
}

const escapedHeader = (text: string): string => text.replace(/[\\|]/g, '\\$&').replace(/[\r\n]+/g, ' ');
const escapedValue = (text: string): string => text.replace(/[\\=]/g, '\\$&').replace(/\r?\n|\r/g, '\\n');
