import type { PageModels } from '../pages.ts';
import type { OpenApiDocument } from './document.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}
type Content = Record<string, { schema?: Schema }> | undefined;

/** What the reference page shows of the document: everything, for people. */
export function referenceOf(document: OpenApiDocument): PageModels['api-reference'] {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const groups = new Map<string, PageModels['api-reference']['groups'][number]['operations'][number][]>();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const [tag = ''] = operation.tags as string[];
      const [security] = operation.security as { oauth2: string[] }[];
      const body = (operation.requestBody as { content?: Content } | undefined)?.content;
      const shown = {
        id: String(operation.operationId),
        method: method.toUpperCase(),
        path,
        summary: String(operation.summary),
        description: (operation.description as string | undefined) ?? null,
        scope: security?.oauth2[0] ?? '',
        parameters: ((operation.parameters ?? []) as Parameter[]).map((parameter) => ({
          name: parameter.name,
          where: parameter.in,
          type: typeOf(parameter.schema),
          isRequired: parameter.required === true,
          text: parameter.description ?? '',
        })),
        body: schemaText(body, schemas),
        example: exampleOf(document, method.toUpperCase(), path, operation.parameters as Parameter[], body, schemas),
        answers: Object.entries(operation.responses).map(([status, answer]) => ({
          status,
          text: answer.description,
          schema: Number(status) < 400 ? schemaText(answer.content as Content, schemas) : null,
        })),
      };
      groups.set(tag, [...(groups.get(tag) ?? []), shown]);
    }
  }
  return {
    title: document.info.title,
    intro: document.info.description ?? '',
    documentPath: '/api/v1/openapi.json',
    groups: [...groups].map(([name, operations]) => ({ name, operations })),
  };
}

/** A call as somebody would type it, with what must be there. */
function exampleOf(
  document: OpenApiDocument,
  method: string,
  path: string,
  parameters: readonly Parameter[] = [],
  content: Content,
  schemas: Record<string, Schema>,
): string {
  const [server] = document.servers as { url: string }[];
  const [type] = Object.keys(content ?? {});
  const needed = parameters.filter(({ required }) => required);
  const query = needed.filter((p) => p.in === 'query').map(({ name }) => `${name}=...`);
  const headers = needed.filter((p) => p.in === 'header').map(({ name }) => `-H '${name}: *'`);
  const body = type === 'application/json' && JSON.stringify(sampleOf(content?.[type]?.schema, schemas));
  return [
    `curl${method === 'GET' ? '' : ` -X ${method}`} '${server!.url}${path}${query.length > 0 ? `?${query.join('&')}` : ''}'`,
    `-H "Authorization: Bearer $TOKEN"`,
    ...headers,
    ...(type ? [`-H 'Content-Type: ${type}'`] : []),
    ...(body ? [`-d '${body}'`] : type ? [`--data-binary @file.csv`] : []),
  ].join(' \\\n  ');
}

/** A value that a schema takes, with only what it requires; of a change that may be anything, its first field. */
function sampleOf(schema: Schema = {}, schemas: Record<string, Schema>, name = ''): unknown {
  const { $ref, anyOf, properties, required, items, type, format, minimum } = schema;
  if ($ref) return sampleOf(schemas[$ref.split('/').at(-1)!], schemas, name);
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  if (anyOf) return sampleOf(anyOf[0], schemas, name);
  if (properties) {
    const names = required?.length ? required : Object.keys(properties).slice(0, 1);
    return Object.fromEntries(names.map((each) => [each, sampleOf(properties[each], schemas, each)]));
  }
  if (type === 'array') return [sampleOf(items, schemas)];
  if (type === 'integer' || type === 'number') return minimum ?? 1;
  if (type === 'boolean') return true;
  return format === 'uri' || name === 'url' ? 'https://app.example.org/' : name === 'email' ? 'jan@example.org' : '...';
}

function typeOf(schema: Schema | undefined): string {
  if (schema?.enum) return schema.enum.join(' | ');
  const type = [schema?.type ?? 'any'].flat().join(' | ');
  return schema?.default === undefined ? type : `${type}, ${JSON.stringify(schema.default)}`;
}

/** A schema with what it refers to in its place, one level deep: enough to read. */
function schemaText(content: Content, schemas: Record<string, Schema>): string | null {
  const schema = Object.values(content ?? {})[0]?.schema;
  if (!schema) return null;
  const seen = new Set<string>();
  const text = JSON.stringify(
    schema,
    (_key, value: unknown) => {
      const ref = (value as Schema | null)?.$ref?.split('/').at(-1);
      if (!ref || seen.has(ref)) return value;
      seen.add(ref);
      return schemas[ref];
    },
    2,
  );
  return text;
}
