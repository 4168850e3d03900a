import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { type AlertPagesNeeds, alertPages } from './alerts.ts';
import { type AuditPagesNeeds, auditPages } from './audit.ts';
import { type CallerPagesNeeds, callerPages } from './caller.ts';
import { type CampaignPagesNeeds, campaignPages } from './campaigns.ts';
import { casePages } from './cases.ts';
import { type ClientChangeNeeds, clientChangePages } from './client-change.ts';
import { type ClientPagesNeeds, clientPages } from './clients.ts';
import { coveragePages } from './coverage.ts';
import { type EntraPagesNeeds, entraPages } from './entra.ts';
import { homePages } from './home.ts';
import { type ImportPagesNeeds, importPages } from './imports.ts';
import { type OrganisationPagesNeeds, organisationPages } from './organisation.ts';
import { peoplePages } from './people.ts';
import { type PersonPagesNeeds, personPages } from './person.ts';
import { type PersonChangeNeeds, personChangePages } from './person-change.ts';
import { policyPages } from './policy.ts';
import { type SettingsPagesNeeds, settingsPages } from './settings.ts';
import { type StartPagesNeeds, startPages } from './start.ts';
import { type SupportPagesNeeds, supportPages } from './support.ts';
import { type WebhookPagesNeeds, webhookPages } from './webhooks.ts';

export type ConsoleNeeds = AlertPagesNeeds &
  AuditPagesNeeds &
  CallerPagesNeeds &
  CampaignPagesNeeds &
  ClientChangeNeeds &
  PersonChangeNeeds &
  ClientPagesNeeds &
  EntraPagesNeeds &
  ImportPagesNeeds &
  OrganisationPagesNeeds &
  StartPagesNeeds &
  PersonPagesNeeds &
  SettingsPagesNeeds &
  SupportPagesNeeds &
  WebhookPagesNeeds &
  Parameters<typeof homePages>[1] &
  Parameters<typeof policyPages>[1];

/** The console of those who administer, part by part. */
export const consolePages: FastifyPluginAsyncZod<ConsoleNeeds> = async (app, n) => {
  await app.register(homePages, n);
  await app.register(peoplePages, n);
  await app.register(personPages, n);
  await app.register(personChangePages, n);
  await app.register(callerPages, n);
  await app.register(supportPages, n);
  await app.register(casePages, n);
  await app.register(coveragePages, n);
  await app.register(campaignPages, n);
  await app.register(entraPages, n);
  await app.register(importPages, n);
  await app.register(clientPages, n);
  await app.register(clientChangePages, n);
  await app.register(policyPages, n);
  await app.register(auditPages, n);
  await app.register(alertPages, n);
  await app.register(webhookPages, n);
  await app.register(settingsPages, n);
  await app.register(organisationPages, n);
  await app.register(startPages, n);
};
