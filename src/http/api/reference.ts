import type { PageModels } from '../pages.ts';
import type { OpenApiDocument } from './document.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
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
