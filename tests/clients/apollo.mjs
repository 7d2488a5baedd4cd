// Apollo Client 4: a query, automatic persisted queries over GET, and an error with its owner.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

const uri = process.argv[2];
const http = new HttpLink({ uri });
const hashed = new PersistedQueryLink({
  sha256: (text) => createHash("sha256").update(text).digest("hex"),
  useGETForHashedQueries: true,
});
const client = new ApolloClient({ link: http, cache: new InMemoryCache() });
const persisted = new ApolloClient({ link: ApolloLink.from([hashed, new HttpLink({ uri })]), cache: new InMemoryCache() });

const USERS = gql`query Users($n: Int) { users(first: $n) { id name __typename } }`;
const once = await client.query({ query: USERS, variables: { n: 2 } });
const first = await persisted.query({ query: USERS, variables: { n: 2 } });
const again = await persisted.query({ query: USERS, variables: { n: 2 }, fetchPolicy: "network-only" });
let error = null;
try {
  await client.query({ query: gql`{ users(first: 1) { nothing } }` });
} catch (fault) {
  error = CombinedGraphQLErrors.is(fault) ? fault.errors[0].extensions : String(fault);
}
console.log(JSON.stringify({ once: once.data, first: first.data, again: again.data, error }));
