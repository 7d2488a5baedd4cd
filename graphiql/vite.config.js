import { defineConfig } from 'vite';

/**
 * One flat folder of hashed files, served by the gateway under /graphql/assets/ with `script-src 'self'`: nothing is
 * inlined as a script, nothing is loaded from another host.
 */
export default defineConfig({
  base: '/graphql/assets/',
  build: {
    assetsDir: '',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8192,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog(level, log, report) {
        // React's "use client" marks mean nothing in a page without a server part; a hundred packages carry one.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
    target: 'es2022',
  },
  worker: { format: 'es' },
});
