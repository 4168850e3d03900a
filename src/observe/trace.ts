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
