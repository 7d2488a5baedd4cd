// GraphQL over HTTP: every audit of the npm package graphql-http, by level and verdict, and what was said of those that are not ok.
import { serverAudits } from "graphql-http";

const [, , url] = process.argv;
const results = await Promise.all(serverAudits({ url, fetchFn: fetch }).map(async (audit) => ({ name: audit.name, ...(await audit.fn()) })));
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
