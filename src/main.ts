#!/usr/bin/env node
/** The server's entrance. What it is made of is compiled once and kept beside the packages, where that can be written. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/dubbelslot'));
await import('./run.ts');
