// Apollo Client with each of its two handlers of incremental answers.
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";

// Apollo Client lets go of a response at its last part, by aborting it; whether the end had come by then is chance, and nobody listens.
process.on("unhandledRejection", (reason) => {
  if (reason?.name !== "AbortError") throw reason;
});

const uri = process.argv[2];
const query = gql`query Deferred { users(first: 2) { id } ... @defer(label: "later") { again: users(first: 2) { name } } }`;
const seen = [];
for (const Handler of [Defer20220824Handler, GraphQL17Alpha9Handler]) {
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri }), incrementalHandler: new Handler() });
  const { data } = await client.query({ query, fetchPolicy: "no-cache" });
  seen.push(data.again.map((user) => user.name));
}
console.log(JSON.stringify(seen));
