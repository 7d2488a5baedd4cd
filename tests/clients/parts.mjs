// Lists and fragments that come later, put together by Apollo Client and urql over HTTP, and over a websocket by graphql-ws.
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { cacheExchange, Client, fetchExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [, , uri, text] = process.argv;
// Apollo Client lets go of a response at its last part, by aborting it; whether the end had come by then is chance, and nobody listens.
process.on("unhandledRejection", (reason) => {
  if (reason?.name !== "AbortError") throw reason;
});
const socket = (connectionParams) => createClient({ url: uri.replace("http", "ws"), webSocketImpl: WebSocket, connectionParams });
const APOLLO = { accept: "multipart/mixed;deferSpec=20220824" };
const CURRENT = { accept: "multipart/mixed" };

async function apollo(Handler, link) {
  const client = new ApolloClient({ cache: new InMemoryCache(), link, incrementalHandler: new Handler() });
  const { data } = await client.query({ query: gql(text), fetchPolicy: "no-cache" });
  return data;
}

async function overSocket(Handler, params) {
  const client = socket(params);
  const data = await apollo(Handler, new GraphQLWsLink(client));
  await client.dispose();
  return data;
}

async function messages(params) {
  const client = socket(params);
  const heard = [];
  for await (const each of client.iterate({ query: text })) heard.push(each);
  await client.dispose();
  return heard;
}

// urql looks for the place of items in their path, as it was in 2022
const exchanges = [cacheExchange, fetchExchange];
const urql = new Client({ url: uri, exchanges, preferGetMethod: false, fetchOptions: { headers: APOLLO } });
console.log(JSON.stringify({
  whole: (await messages())[0].data,
  messages: (await messages(CURRENT)).map((each) => Object.keys(each)),
  put: {
    urql: (await urql.query(text, {}).toPromise()).data,
    apollo2022: await apollo(Defer20220824Handler, new HttpLink({ uri })),
    apollo: await apollo(GraphQL17Alpha9Handler, new HttpLink({ uri })),
    socket2022: await overSocket(Defer20220824Handler, APOLLO),
    socket: await overSocket(GraphQL17Alpha9Handler, CURRENT),
  },
}));
