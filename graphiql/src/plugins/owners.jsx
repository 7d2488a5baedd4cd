import { useGraphiQL } from '@graphiql/react';
import { getNamedType, parse, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { supportMessage } from './message.js';
import './owners.css';
import { lastRun, subscribe } from './runs.js';

const RECENT = 60_000; // milliseconds
const FIELD = `query Whose($coordinate: String!) { _gateway { field(coordinate: $coordinate) { path source {
  name kind url state { breaker since lastError { code message at } }
  owner { team url docs statusPage contact { email chat phone url hours } } } } } }`;

/** Whose the field under the cursor is; after a run, every call behind the answer and whom to tell of each error. */
export const ownersPlugin = { title: 'Owners', icon: Icon, content: Panel };

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" aria-hidden="true">
      <path d="M12 21V3M12 5h6.5L21 7.5 18.5 10H12M12 12H5.5L3 14.5 5.5 17H12M8 21h8" />
    </svg>
  );
}

function Panel() {
  const run = useSyncExternalStore(subscribe, lastRun);
  return (
    <section className="signpost-owners" aria-label="Owners">
      <FieldUnderCursor run={run} />
      {run && <Run run={run} />}
    </section>
  );
}

// ---------------------------------------------------------------- the field under the cursor

function FieldUnderCursor({ run }) {
  const coordinate = useCoordinate();
  const field = useField(coordinate, run);
  if (!coordinate) return <p className="quiet">Put the cursor on a field to see whose it is.</p>;
  return (
    <article className="signpost-card" data-coordinate={coordinate}>
      <h3>{coordinate}</h3>
      {field === undefined && <p className="quiet">…</p>}
      {field === null && <p className="quiet">Nothing is known of it.</p>}
      {field && <Source source={field.source} path={field.path} />}
    </article>
  );
}

function Source({ source, path }) {
  const { lastError } = source.state;
  const health = healthOf(source.state);
  return (
    <>
      <p>
        from <b>{source.name}</b> ({source.kind}) <span className={health === 'well' ? 'good' : 'bad'}>{health}</span>
      </p>
      {path && <p className="quiet">{path}</p>}
      {lastError && (
        <p className="quiet">
          last error {lastError.at}: {lastError.code}, it {lastError.message}
        </p>
      )}
      <Owner owner={{ ...source.owner, status_page: source.owner.statusPage }} />
    </>
  );
}

/** A circuit stays closed through a few failures; a reader of one of them has to see it all the same. */
function healthOf({ breaker, lastError }) {
  if (breaker && breaker !== 'closed') return `circuit ${breaker}`;
  return lastError && Date.now() - Date.parse(lastError.at) < RECENT ? 'has just failed' : 'well';
}

function useCoordinate() {
  const editor = useGraphiQL(state => state.queryEditor);
  const schema = useGraphiQL(state => state.schema);
  const [coordinate, setCoordinate] = useState(null);
  useEffect(() => {
    if (!editor || !schema) return undefined;
    const look = () => setCoordinate(before => coordinateAt(editor, schema) ?? before);
    look();
    const listening = [editor.onDidChangeCursorPosition(look), editor.onDidChangeModelContent(look)];
    return () => listening.forEach(each => each.dispose());
  }, [editor, schema]);
  return coordinate;
}

function coordinateAt(editor, schema) {
  const model = editor.getModel();
  const position = editor.getPosition();
  if (!model || !position) return null;
  const offset = model.getOffsetAt(position);
  const types = new TypeInfo(schema);
  let found = null;
  try {
    const enter = node => {
      const parent = types.getParentType();
      if (parent && node.loc.start <= offset && offset <= node.loc.end) found = `${getNamedType(parent).name}.${node.name.value}`;
    };
    visit(parse(model.getValue()), visitWithTypeInfo(types, { Field: { enter } }));
  } catch {
    return null; // while it is being typed, the last field that could be read stays
  }
  return found;
}

/** Asked again after each run: it may have changed how the service is. */
function useField(coordinate, run) {
  const [known, setKnown] = useState({});
  useEffect(() => {
    if (!coordinate) return undefined;
    const ended = new AbortController();
    ask(coordinate, ended.signal).then(
      field => setKnown(before => ({ ...before, [coordinate]: field })),
      () => ended.signal.aborted || setKnown(before => ({ ...before, [coordinate]: null })),
    );
    return () => ended.abort();
  }, [coordinate, run]);
  return known[coordinate];
}

async function ask(coordinate, signal) {
  const response = await fetch(window.location.pathname, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: FIELD, variables: { coordinate } }),
    signal,
  });
  return (await response.json()).data?._gateway?.field ?? null;
}

// ---------------------------------------------------------------- after a run

function Run({ run }) {
  return (
    <>
      <h3>Calls behind the last answer</h3>
      <Waterfall calls={run.calls} />
      {run.warnings.map((warning, index) => (
        <article className="signpost-card warning" key={index}>
          <h4>{warning.code}</h4>
          <p>{warning.message}</p>
          {warning.owner && <Owner owner={warning.owner} />}
        </article>
      ))}
      {run.errors.map((error, index) => (
        <ErrorCard key={`${run.requestId}-${index}`} run={run} error={error} />
      ))}
      <p className="quiet">
        request {run.requestId}
        {run.traceId && <>, trace {run.traceId}</>}
      </p>
    </>
  );
}

function Waterfall({ calls }) {
  if (!calls.length) return <p className="quiet">No service had to be asked.</p>;
  const whole = Math.max(1, ...calls.map(call => call.start_ms + call.duration_ms));
  const share = ms => `${(100 * ms) / whole}%`;
  return (
    <ol className="signpost-waterfall">
      {calls.map((call, index) => (
        <li key={index}>
          <span className="what">
            <b>{call.service}</b> {call.operation}
          </span>
          <span className="lane" aria-hidden="true">
            <span className={`bar ${call.served}`} style={{ marginLeft: share(call.start_ms), width: share(call.duration_ms) }} />
          </span>
          <span className="quiet">{described(call)}</span>
        </li>
      ))}
    </ol>
  );
}

function described(call) {
  const said = [`${call.duration_ms} ms`];
  if (call.served !== 'network') said.push({ error: call.code ?? 'failed', none: call.code ?? 'not sent' }[call.served] ?? call.served);
  if (call.attempts > 1) said.push(`${call.attempts} attempts`);
  if (call.keys) said.push(`${call.keys} keys`);
  if (call.age_s) said.push(`${call.age_s} s old`);
  return said.join(' · ');
}

function ErrorCard({ run, error }) {
  const [copied, setCopied] = useState(false);
  const { code, service, owner, error_id: id } = error.extensions ?? {};
  const message = supportMessage(run, error);
  const copy = async () => {
    await navigator.clipboard?.writeText(message).catch(() => null);
    setCopied(true);
  };
  return (
    <article className="signpost-card error">
      <h4>
        {service}: {code}
      </h4>
      <p>{error.message}</p>
      {error.path && <p className="quiet">at {error.path.join('.')}</p>}
      {owner && <Owner owner={owner} />}
      <p className="quiet">{id}</p>
      <details>
        <summary>Message for them</summary>
        <textarea readOnly rows={12} value={message} aria-label={`Support message for ${service}`} onFocus={event => event.target.select()} />
      </details>
      <button type="button" className="graphiql-button" onClick={copy}>
        {copied ? 'Copied' : 'Copy support message'}
      </button>
    </article>
  );
}

function Owner({ owner }) {
  const contact = owner.contact ?? {};
  const links = { chat: contact.chat, form: contact.url, docs: owner.docs, 'status page': owner.status_page };
  return (
    <p className="owner">
      <b>{owner.team}</b>
      {contact.email && <a href={`mailto:${contact.email}`}>{contact.email}</a>}
      {Object.entries(links).map(([name, target]) => target && <Link key={name} name={name} target={target} />)}
      {contact.phone && <span>{contact.phone}</span>}
      {contact.hours && <span>{contact.hours}</span>}
    </p>
  );
}

/** Only to the web: an owner's entry is somebody's text. */
function Link({ name, target }) {
  if (!/^https?:\/\//.test(target)) return <span>{target}</span>;
  return (
    <a href={target} target="_blank" rel="noreferrer">
      {name}
    </a>
  );
}
