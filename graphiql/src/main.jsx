import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { accessible } from './accessible.js';
import { plugins } from './plugins/index.js';
import { watchedFetch } from './plugins/runs.js';
import { storage } from './storage.js';

const WELCOME = `# Every answer names its source. Where a service
# fails, errors[].extensions.owner says which team
# runs it, and how to reach them.
#
# Ctrl-Enter runs the query, Ctrl-Space completes,
# F1 lists all commands.

{
  __typename
}
`;

/** A link may carry a query, as in /graphql?query={…}&variables={…}&operationName=… */
const link = new URLSearchParams(window.location.search);

const fetcher = createGraphiQLFetcher({
  url: window.location.pathname,
  fetch: watchedFetch,
  headers: { accept: 'application/graphql-response+json, application/json;q=0.9' },
});

const root = document.getElementById('graphiql');

createRoot(root).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultQuery={WELCOME}
    initialQuery={link.get('query') ?? undefined}
    initialVariables={link.get('variables') ?? undefined}
    operationName={link.get('operationName') ?? undefined}
    plugins={[HISTORY_PLUGIN, ...plugins]}
    referencePlugin={DOC_EXPLORER_PLUGIN}
  >
    <GraphiQL.Logo>
      <h1 className="signpost-logo">Signpost</h1>
    </GraphiQL.Logo>
  </GraphiQL>,
);

accessible(root);
