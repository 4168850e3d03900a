import type { Endpoint } from './endpoint.ts';

interface Operation {
  parameters?: object[];
  responses: Record<string, { description: string; content?: Record<string, unknown>; headers?: object }>;
}
export interface OpenApiDocument {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation & Record<string, unknown>>>;
  components?: Record<string, unknown>;
  [part: string]: unknown;
}

const STATUS: Readonly<Record<string, string>> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken; it is not done yet.',
  204: 'Done.',
  400: 'The request cannot be read, or a field is wrong: `errors` says which.',
  401: 'No access token that is good for this; `WWW-Authenticate` says what would help.',
  403: 'Not with this scope, this role, or on this person.',
  404: 'There is no such thing.',
  409: 'Not as things stand.',
  412: 'It was changed since you read it: read it again.',
  413: 'Too large.',
  415: 'Send `application/json`, or where a file is taken, `text/csv`.',
  422: 'Understood, and refused.',
  428: 'Say which version you change: `If-Match`.',
  503: 'Busy: try again in a few seconds.',
  429: 'Too many calls: `Retry-After` says when to come back.',
};

const header = (name: string, description: string, isRequired: boolean) => ({
  name,
  in: 'header',
  required: isRequired,
  description,
  schema: { type: 'string' },
});

/** The document as generated from the schemas, with what they cannot say: headers, media types, what a status means. */
export function completed(document: OpenApiDocument, endpoints: readonly Endpoint[], prefix: string): OpenApiDocument {
  for (const e of endpoints) {
    const path = prefix + e.path.replace(/:(\w+)/g, '{$1}');
    const operation = document.paths[path]?.[e.method.toLowerCase()];
    if (!operation) throw new Error(`${e.method} ${path} is not in the document`);
    operation.parameters = [
      ...(operation.parameters ?? []),
      ...(e.isVersioned ? [header('If-Match', 'The ETag of what was read, or `*`.', true)] : []),
      ...(e.isCreating ? [header('Idempotency-Key', 'Chosen by the caller: the same for the same call.', false)] : []),
    ];
    if (e.consumes)
      operation.requestBody = { required: true, content: { [e.consumes.type]: { schema: { type: 'string' } } } };
    for (const [status, answer] of Object.entries(operation.responses)) {
      answer.description = STATUS[status] ?? answer.description;
      const [schema] = Object.values(answer.content ?? {});
      if (!schema) continue;
      if (Number(status) >= 400) answer.content = { 'application/problem+json': schema };
      else if (e.produces) answer.content = Object.fromEntries(e.produces.map((type) => [type, schema]));
    }
    if (!e.isVersioned) delete operation.responses[428];
    if (!e.isVersioned) delete operation.responses[412];
  }
  return document;
}
