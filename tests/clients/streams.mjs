// graphql-ws and graphql-sse: one query each.
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const url = process.argv[2];
const query = "{ users(first: 2) { id name } }";
const one = (client) => new Promise((resolve, reject) => {
  let last;
  client.subscribe({ query }, { next: (value) => (last = value), error: reject, complete: () => resolve(last) });
});
const ws = createWs({ url: url.replace("http", "ws"), webSocketImpl: WebSocket });
const sse = createSse({ url });
console.log(JSON.stringify({ ws: (await one(ws)).data, sse: (await one(sse)).data }));
await ws.dispose();
sse.dispose();
