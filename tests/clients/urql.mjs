// urql: a query by POST, the same by GET, and an error with its owner.
import { Client, cacheExchange, fetchExchange } from "@urql/core";

const url = process.argv[2];
const ask = (preferGetMethod, query) =>
  new Client({ url, exchanges: [cacheExchange, fetchExchange], preferGetMethod }).query(query, { n: 2 }).toPromise();
const USERS = "query Users($n: Int) { users(first: $n) { id name } }";
const [post, get, wrong] = [await ask(false, USERS), await ask(true, USERS), await ask(false, "{ users { nothing } }")];
console.log(JSON.stringify({ once: post.data, get: get.data, error: wrong.error?.graphQLErrors[0]?.extensions }));
