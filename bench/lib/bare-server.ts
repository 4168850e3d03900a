/** `node:http` that answers the same bytes to everybody: the least that an answer costs. `bare-server.ts <port> <length>` */
import { createServer } from 'node:http';

const [port, length] = process.argv.slice(2).map(Number) as [number, number];
const body = 'x'.repeat(length);
process.on('disconnect', () => process.exit());
createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': length });
  response.end(body);
}).listen(port, 'localhost', () => process.send?.('serves'));
