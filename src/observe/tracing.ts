import { createRequire } from 'node:module';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { onStop } from './trace.ts';

/**
 * Traces as OpenTelemetry's own variables say: each request, and each statement to the database by its text alone. Loaded
 * before anything else is, where they ask for it (`main.ts`). Queries carry codes, paths carry ids of sign-ins, and
 * whom we call is nobody's business: none of that is in a trace.
 */
export function startTracing(): void {
  const sdk = new NodeSDK({
    // The same variables would switch these on as well: figures are Prometheus' here, and logs are lines.
    metricReaders: [],
    logRecordProcessors: [],
    serviceName: process.env.OTEL_SERVICE_NAME ?? 'dubbelslot',
    instrumentations: [
      new HttpInstrumentation({
        disableOutgoingRequestInstrumentation: true,
        ignoreIncomingRequestHook: ({ url = '' }) => url.startsWith('/health/') || url === '/metrics',
        requestHook: (span) => span.setAttributes({ 'url.path': '', 'url.query': '' }),
      }),
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    ],
  });
  sdk.start();
  // They are changed where they are required; what imports them afterwards finds them changed.
  const require = createRequire(import.meta.url);
  for (const module of ['node:http', 'pg']) require(module);
  onStop(() => sdk.shutdown());
}
