import { subscribe, lastRun } from './plugins/runs.js';

/**
 * What a screen reader needs beyond what the page's libraries give it. Their tabs are list items that claim to be tabs and hold
 * buttons: a control inside a control, which cannot be told apart by ear. Here the buttons alone are controls, and the one whose
 * operation is shown says so.
 */
export function accessible(root) {
  const correct = () => {
    for (const list of root.querySelectorAll('ul[role="tablist"]')) list.setAttribute('role', 'list');
    for (const item of root.querySelectorAll('li.graphiql-tab')) {
      const shown = item.classList.contains('graphiql-tab-active');
      for (const name of ['role', 'aria-selected', 'tabindex']) if (item.hasAttribute(name)) item.removeAttribute(name);
      const button = item.querySelector('button');
      if (button && button.getAttribute('aria-current') !== String(shown)) button.setAttribute('aria-current', String(shown));
    }
    for (const select of root.querySelectorAll('select:not([aria-label])')) select.setAttribute('aria-label', 'Kind of operation');
    const session = root.querySelector('#graphiql-session[role="tabpanel"]');
    session?.setAttribute('role', 'region');
    session?.setAttribute('aria-label', 'Operation and result');
    session?.removeAttribute('aria-labelledby');
  };
  const watch = { subtree: true, childList: true, attributeFilter: ['role', 'aria-selected', 'class'] };
  new MutationObserver(correct).observe(root, watch);
  correct();
  root.addEventListener('keydown', leave);
  import('monaco-graphql/esm/monaco-editor.js').then(({ editor }) => {
    editor.onDidCreateEditor(each => setTimeout(named, 0, editor, each));
    for (const each of editor.getEditors()) setTimeout(named, 0, editor, each);
  });
  subscribe(() => announce(document.getElementById('announcement'), lastRun()));
}

const NAMES = { 'operation.graphql': 'Query', 'variables.json': 'Variables', 'headers.json': 'Headers', 'response.json': 'Result' };
const background = { 'editor.background': '#ffffff00' };

/** An editor says which it is and how it is left. The colours of both themes stand out as text has to (WCAG 2.2, 1.4.3). */
function named(monaco, editor) {
  const name = NAMES[editor.getModel()?.uri.path.split('-').at(-1)] ?? 'Editor';
  editor.updateOptions({ ariaLabel: `${name}. Escape leaves this editor.` });
  const place = editor.getContainerDomNode();
  place.setAttribute('role', 'group');
  if (!place.hasAttribute('aria-label')) place.setAttribute('aria-label', `${name}: Enter to write`);
  define(monaco, 'LIGHT', 'vs', '#1d6279', { number: '#066344', comment: '#006600', 'argument.identifier.gql': '#5450b8' });
  define(monaco, 'DARK', 'vs-dark', '#aab4c3', { comment: '#8fc47a', 'argument.identifier.gql': '#a8a3ff' });
}

/** `lines`: the colour of the numbers of lines, also of the last one where it is empty. */
function define(monaco, name, base, lines, colours) {
  const rules = Object.entries(colours).map(([token, foreground]) => ({ token, foreground }));
  const colors = { ...background, 'editorLineNumber.foreground': lines, 'editorLineNumber.dimmedForeground': lines };
  monaco.defineTheme(`graphiql-${name}`, { base, inherit: true, colors, rules });
}

/** Tab writes a tab into an editor: Escape, when it closes nothing else, goes back to the editor's frame, from which Tab goes on. */
function leave(event) {
  const editor = event.key === 'Escape' && event.target.closest?.('.monaco-editor');
  if (!editor || editor.querySelector('.suggest-widget.visible, .find-widget.visible, .parameter-hints-widget.visible')) return;
  editor.closest('.graphiql-editor')?.focus();
}

/** One sentence about an answer: the editor that shows it is no text a screen reader could follow while it changes. */
function announce(place, { errors, warnings, calls }) {
  const whose = [...new Set(errors.map(error => error.extensions?.owner?.team).filter(Boolean))];
  const failed = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}${whose.length ? ` of ${whose.join(', ')}` : ''}`;
  const parts = [
    errors.length ? failed : 'no errors',
    ...(warnings.length ? [`${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`] : []),
    `${calls.length} upstream ${calls.length === 1 ? 'call' : 'calls'}`,
  ];
  place.textContent = '';
  requestAnimationFrame(() => {
    place.textContent = `Answered: ${parts.join(', ')}.`;
  });
}
