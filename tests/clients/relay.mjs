// Relay: the artifact its compiler wrote, run by its runtime; the document goes by its id.
import { createRequire } from "node:module";
import relay from "relay-runtime";

const require = createRequire(import.meta.url);
const query = require("./__generated__/RelayUsersQuery.graphql.js");
const { Environment, Network, RecordSource, Store, fetchQuery } = relay;
const network = Network.create(async (params, variables) => {
  const answer = await fetch(process.argv[2], {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json" },
    body: JSON.stringify({ documentId: params.id, query: params.text ?? undefined, variables }),
  });
  return answer.json();
});
const environment = new Environment({ network, store: new Store(new RecordSource()) });
const data = await fetchQuery(environment, query.default ?? query, { n: 2 }).toPromise();
console.log(JSON.stringify({ once: data, id: (query.default ?? query).params.id }));
