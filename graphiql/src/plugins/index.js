import { explorerPlugin } from '@graphiql/plugin-explorer';
import '@graphiql/plugin-explorer/style.css';

import { ownersPlugin } from './owners.jsx';

/** What stands in the side bar beside the documentation and the history. The gateway's own plugins join this list. */
export const plugins = [explorerPlugin({ showAttribution: false }), ownersPlugin];
