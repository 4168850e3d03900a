import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { CsvFile } from '../flow/csv-files.ts';

/** Sends a CSV file as it is written, for saving under this name. */
export const sendCsv = (reply: FastifyReply, name: string, file: CsvFile): FastifyReply =>
  reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="${name}"`)
    .send(Readable.from(file));
