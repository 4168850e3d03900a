#!/usr/bin/env node
/** Shows developers every page in every state: `npm run gallery`, and `-- '#7a1f5c'` for another accent. */
import { serveGallery } from './gallery/server.ts';

const { url } = await serveGallery(Number(process.env.PORT ?? 3100), { accent: process.argv[2] });
process.stdout.write(`Every page in every state: ${url}\n`);
