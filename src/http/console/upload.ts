import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import type { FastifyInstance } from 'fastify';
import { dropUnread } from '../plugins/unread.ts';

/** A form with a file: its fields come first, the file is read by whoever takes it. */
export interface Upload {
  readonly file: Readable;
  readonly fileName: string;
}

const MOST_FIELDS = 20;
const LONGEST_FIELD = 1000;

/**
 * Takes forms with a file (RFC 7578) within this plugin. The body is complete as soon as the file begins, so that
 * guards and the token against forgery are judged before it is read.
 */
export function takeUploads(app: FastifyInstance): void {
  dropUnread(app);
  app.addContentTypeParser('multipart/form-data', (request, payload, done) => {
    const values: Record<string, unknown> = { file: Readable.from([]), fileName: '' };
    let isDone = false;
    const finish = (error: Error | null): void => {
      if (isDone) return;
      isDone = true;
      if (error) done(Object.assign(error, { statusCode: 400 }));
      else done(null, values);
    };
    let form: InstanceType<typeof Busboy>;
    try {
      form = new Busboy({
        headers: request.headers as BusboyHeaders,
        limits: { fields: MOST_FIELDS, fieldSize: LONGEST_FIELD, files: 1 },
      });
    } catch (error) {
      finish(error as Error);
      return;
    }
    form.on('field', (name, value) => {
      if (!(name in values)) values[name] = value;
    });
    form.on('file', (name, stream, fileName) => {
      // Without a listener, a form that is cut off would end the process. Whoever reads on is told.
      stream.on('error', (error: Error) => stream.destroy(Object.assign(error, { statusCode: 400 })));
      if (name !== 'file') {
        stream.resume();
        return;
      }
      values.file = stream;
      values.fileName = fileName ?? '';
      // A sender that goes away in the middle ends the file with an error, not as if it were whole.
      payload.once('close', () => {
        if (!(payload as IncomingMessage).complete) stream.destroy(new Error('the upload was cut off'));
      });
      finish(null);
    });
    form.on('error', (error) => finish(error as Error));
    form.on('finish', () => finish(null));
    payload.on('error', finish);
    payload.pipe(form);
  });
}
