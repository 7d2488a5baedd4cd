import { Kind, parse, print, visit } from 'graphql';

/** Markdown for whoever answers for an error: all they need to find it, and no value that anyone wrote. */
export function supportMessage(run, error) {
  const { owner = {}, upstream = {}, ...about } = error.extensions ?? {};
  const contact = owner.contact ?? {};
  const ways = ['email', 'chat', 'phone', 'url'].map(way => contact[way]).filter(Boolean);
  const lines = [
    `**To:** ${owner.team ?? 'the owner'}${ways.length ? ` (${ways.join(', ')})` : ''}`,
    `**Subject:** ${about.service}: ${about.code}`,
    '',
    `At ${run.at} a request through the API gateway failed: ${error.message}`,
    '',
    `- request id: \`${about.request_id ?? run.requestId}\``,
    `- error id: \`${about.error_id}\``,
  ];
  const more = {
    'trace id': about.trace_id,
    'path in the answer': error.path?.join('.'),
    'your operation': upstream.operation,
    'your answer': upstream.http?.status,
    'your request id': upstream.request_id,
    attempts: upstream.attempts,
    'affected places': about.affected?.count,
  };
  for (const [name, value] of Object.entries(more)) if (value) lines.push(`- ${name}: \`${value}\``);
  return [...lines, '', 'Asked (values left out):', '```graphql', withoutValues(run.asked.query), '```', ''].join('\n');
}

export function withoutValues(text) {
  try {
    return print(
      visit(parse(text), {
        [Kind.STRING]: node => ({ ...node, value: '…', block: false }),
        [Kind.INT]: node => ({ ...node, value: '0' }),
        [Kind.FLOAT]: node => ({ ...node, value: '0.0' }),
      }),
    );
  } catch {
    return '…';
  }
}
