/** The latest run: what was asked, what came back, and what the gateway told of its upstream calls. */

let latest = null;
const listeners = new Set();

export const lastRun = () => latest;

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function publish(run) {
  latest = run;
  for (const listener of listeners) listener();
}

/** `fetch` that asks for the calls behind an answer, keeps them for the panel, and shows the answer without them. */
export async function watchedFetch(url, options) {
  const asked = readBody(options.body);
  if (!asked?.query || asked.operationName === 'IntrospectionQuery') return fetch(url, options);
  const began = new Date();
  const response = await fetch(url, { ...options, headers: { ...options.headers, 'x-signpost-debug': 'timing' } });
  if (!response.headers.get('content-type')?.includes('json')) return response;
  const answer = await response.json();
  const calls = answer.extensions?.timing?.each ?? fromServerTiming(response.headers.get('server-timing'));
  publish({
    asked,
    at: began.toISOString(),
    requestId: response.headers.get('x-request-id'),
    traceId: answer.extensions?.trace_id,
    calls,
    errors: answer.errors ?? [],
    warnings: answer.extensions?.warnings ?? [],
  });
  return new Response(JSON.stringify(plain(answer)), { status: response.status, headers: { 'content-type': 'application/json' } });
}

function readBody(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** As it would have come without the panel's curiosity. */
function plain(answer) {
  const { timing, ...extensions } = answer.extensions ?? {};
  const quiet = timing && !answer.errors && !extensions.warnings;
  const { extensions: _, ...rest } = answer;
  return quiet || !Object.keys(extensions).length ? rest : { ...rest, extensions };
}

/** Where the configuration does not allow X-Signpost-Debug, a duration per source is what is known. */
function fromServerTiming(value) {
  return (value ?? '').split(',').filter(Boolean).map(member => {
    const [name, ...parameters] = member.trim().split(';');
    const said = Object.fromEntries(parameters.map(each => each.split('=')));
    const served = said.desc?.replaceAll('"', '') ?? 'network';
    return { service: name, operation: '', start_ms: 0, duration_ms: Number(said.dur ?? 0), served, attempts: 1 };
  });
}
