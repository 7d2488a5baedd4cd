// graphql-ws and graphql-sse: one operation each, and all that comes of it.
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [url, query] = process.argv.slice(2);
const all = (client) => new Promise((resolve, reject) => {
  const values = [];
  client.subscribe({ query }, { next: (value) => values.push(value.data), error: reject, complete: () => resolve(values) });
});
const ws = createWs({ url: url.replace("http", "ws"), webSocketImpl: WebSocket });
const sse = createSse({ url });
console.log(JSON.stringify({ ws: await all(ws), sse: await all(sse) }));
await ws.dispose();
sse.dispose();
