import type { Config } from './config/load.ts';
import { settings } from './config/schema.ts';

/** What is set, for those who may see it: what could open something is only said to be there. */
const SECRET = ['SECRET_KEY', 'DATABASE_URL', 'DATABASE_OWNER_URL', 'SMTP_URL', 'LDAP_BIND_PASSWORD', 'METRICS_TOKEN'];

export interface ShownSetting {
  readonly name: string;
  readonly value: string | null;
  /** What it is where nobody sets it; null where that is nothing, or more than a word. */
  readonly usual: string | null;
  readonly description: string;
}

export const shownSettings = (config: Config, environment: NodeJS.ProcessEnv): ShownSetting[] =>
  Object.entries(settings.shape).map(([name, schema]) => {
    const given = environment[name] ?? environment[`${name}_FILE`];
    const known: Record<string, string> = {
      PUBLIC_URL: config.publicUrl,
      DATA_DIR: config.dataDir,
      LOG_LEVEL: config.logLevel,
    };
    const value = SECRET.includes(name) ? (given ? '•••' : null) : (known[name] ?? given ?? null);
    const usual: unknown = schema.safeParse(undefined).data;
    const isWord = (typeof usual === 'string' && usual !== '') || typeof usual === 'number';
    return { name, value, usual: isWord ? String(usual) : null, description: schema.description ?? '' };
  });
