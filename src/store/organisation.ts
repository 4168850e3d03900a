import type { Organisation, OrganisationPart } from '../core/organisation.ts';
import { type Database, type Fragment, fragment } from './database.ts';

/** What of the organisation was set on a page; what is undefined was not. */
export type KeptOrganisation = { readonly [Part in OrganisationPart]?: Organisation[Part] | undefined };

export interface OrganisationStore {
  read(): Promise<KeptOrganisation>;
  /** Replaces all of it, and tells every instance (signal `organisation`): a query for the WITH list of its audit event. */
  replacing(kept: KeptOrganisation, now: Date): Fragment;
}

interface Row {
  readonly name: string | null;
  readonly supportName: string | null;
  readonly supportPhone: string | null;
  readonly supportHours: string | null;
  readonly accent: string | null;
  readonly logo: Buffer | null;
  readonly logoType: 'image/svg+xml' | 'image/png' | 'image/webp' | null;
}

export const createOrganisationStore = ({ sql }: Database): OrganisationStore => ({
  async read() {
    const [row] = await sql<Row>`SELECT * FROM organisation`;
    if (!row) return {};
    const { name, supportName, supportPhone: phone, supportHours: hours, accent, logo, logoType } = row;
    return {
      ...(name !== null && { name }),
      ...(supportName !== null && { support: { name: supportName, phone, hours } }),
      ...(accent !== null && { accent }),
      ...(logo && logoType && { logo: { type: logoType, body: logo } }),
    };
  },
  replacing: ({ name, support, accent, logo }, now) =>
    fragment`organisation_kept AS (
      INSERT INTO organisation (name, support_name, support_phone, support_hours, accent, logo, logo_type, changed_at)
        VALUES (${name ?? null}, ${support?.name ?? null}, ${support?.phone ?? null}, ${support?.hours ?? null},
          ${accent ?? null}, ${logo?.body ?? null}::bytea, ${logo?.type ?? null}, ${now}::timestamptz)
        ON CONFLICT (is_one) DO UPDATE SET (name, support_name, support_phone, support_hours, accent, logo, logo_type, changed_at)
          = (excluded.name, excluded.support_name, excluded.support_phone, excluded.support_hours, excluded.accent,
             excluded.logo, excluded.logo_type, excluded.changed_at)
        RETURNING pg_notify('dubbelslot', 'organisation'))`,
});
