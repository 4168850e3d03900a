import { trace } from '@opentelemetry/api';

/** The ids of what is going on, for the log; empty where nothing is traced. */
export function traceIds(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/** Calls the span of a request by its route, and gives it the id that people are shown and the log has. */
export function nameSpan({ method, route, id }: { method: string; route: string; id: string }): void {
  const span = trace.getActiveSpan();
  span?.updateName(`${method} ${route}`);
  span?.setAttributes({ 'http.route': route, 'dubbelslot.request_id': id });
}

/** How long a collector that does not answer may hold up a stop. */
const STOP_MS = 3000;
let stop = (): Promise<void> => Promise.resolve();
/** @param given sends what is still here */
export function onStop(given: () => Promise<void>): void {
  stop = given;
}

/** Sends what is traced and not sent yet; never fails. */
export const stopTracing = (): Promise<void> =>
  Promise.race([stop().catch(() => {}), new Promise<void>((resolve) => setTimeout(resolve, STOP_MS).unref())]);
