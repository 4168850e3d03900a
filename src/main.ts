#!/usr/bin/env node
/** The server's entrance. What it is made of is compiled once and kept beside the packages, where that can be written. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/dubbelslot'));
// Before anything that is traced is loaded; OpenTelemetry's own variables ask for it.
const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } =
  process.env;
const isTraced = OTEL_TRACES_EXPORTER || OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
if (isTraced && OTEL_SDK_DISABLED !== 'true') (await import('./observe/tracing.ts')).startTracing();
await import('./run.ts');
